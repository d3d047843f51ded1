"""Alert: a person hears of what failed, once and not a hundred times."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from trellis_assets.domain.clocks import elapsed
from trellis_assets.ports import Clock, Notifier

# A server that is down fails every task: its operator wants one message, and a count later.
QUIET = timedelta(minutes=10)


@dataclass(slots=True)
class AlertStep:
    """The step with what it works on. It remembers what it said as long as its process lives."""

    notifier: Notifier
    clock: Clock
    _said: dict[str, datetime] = field(default_factory=dict)
    _unsaid: dict[str, int] = field(default_factory=dict)

    def run(self, subject: str, text: str) -> bool:
        """Whether a message left. One subject has one in ten minutes; the next one counts the rest."""
        now = self.clock.now()
        last = self._said.get(subject)
        if last is not None and elapsed(last, now) < QUIET:
            self._unsaid[subject] = self._unsaid.get(subject, 0) + 1
            return False
        missed = self._unsaid.pop(subject, 0)
        more = f" ({missed} more since the last message)" if missed else ""
        self._said[subject] = now
        return self.notifier.notify(f"{subject}: {text}{more}")
