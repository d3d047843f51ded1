"""Notify a person of what failed, once and not a hundred times."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from trellis_assets.domain.backoff import BackoffPolicy
from trellis_assets.domain.clock_skew import is_ahead
from trellis_assets.ports import Clock, Notifier

# A server that is down fails every task: its operator wants one message, and a count later.
QUIET = timedelta(minutes=10)
# Each try at a webhook that cannot be reached costs a time-out.
NOTIFY_BACKOFF = BackoffPolicy.of_seconds(60, 120, 300, 600, jitter=0.0)


@dataclass(slots=True)
class NotifyStep:
    """Send one message a subject in ten minutes, with a count of those in between.

    What was sent is remembered as long as the process lives.
    """

    notifier: Notifier
    clock: Clock
    _quiet_until: dict[str, datetime] = field(default_factory=dict)
    _unsent: dict[str, int] = field(default_factory=dict)
    _failures: dict[str, int] = field(default_factory=dict)

    def run(self, subject: str, text: str, link: str) -> bool:
        """Return whether a message was taken; one that was not is counted in the next one."""
        now = self.clock.now()
        missed = self._unsent.get(subject, 0)
        if is_ahead(self._quiet_until.get(subject), now, QUIET):
            self._unsent[subject] = missed + 1
            return False
        more = f" ({missed} more since the last message)" if missed else ""
        is_taken = self.notifier.notify(f"{subject}: {text}{more}", link)
        self._unsent[subject] = 0 if is_taken else missed + 1
        failures = self._failures[subject] = 0 if is_taken else self._failures.get(subject, 0) + 1
        self._quiet_until[subject] = now + (NOTIFY_BACKOFF.delay(failures) if failures else QUIET)
        return is_taken
