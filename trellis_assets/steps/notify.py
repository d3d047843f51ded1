"""Alert: a person hears of what failed, once and not a hundred times."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from trellis_assets.domain.clock_skew import is_ahead
from trellis_assets.ports import Clock, Notifier

# A server that is down fails every task: its operator wants one message, and a count later.
QUIET = timedelta(minutes=10)
# A place that is away costs its time-out at each try.
TRY_AGAIN = timedelta(minutes=1)


@dataclass(slots=True)
class NotifyStep:
    """The step with what it works on. It remembers what it said as long as its process lives."""

    notifier: Notifier
    clock: Clock
    _quiet_until: dict[str, datetime] = field(default_factory=dict)
    _unsaid: dict[str, int] = field(default_factory=dict)

    def run(self, subject: str, text: str, link: str) -> bool:
        """Whether a message was taken. One subject has one in ten minutes; the next one counts the rest."""
        now = self.clock.now()
        missed = self._unsaid.get(subject, 0)
        if is_ahead(self._quiet_until.get(subject), now, QUIET):
            self._unsaid[subject] = missed + 1
            return False
        more = f" ({missed} more since the last message)" if missed else ""
        is_taken = self.notifier.notify(f"{subject}: {text}{more}", link)
        self._unsaid[subject] = 0 if is_taken else missed + 1
        self._quiet_until[subject] = now + (QUIET if is_taken else TRY_AGAIN)
        return is_taken
