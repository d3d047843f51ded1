"""Leases: which of them have ended, by the clock of the process that watches them.

A worker writes when its lease ends by its own clock, and that clock may be hours from anybody else's. Whether
the worker lives is told by something else: it renews the lease, so that its stored end keeps changing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from trellis_assets.domain.tasks import LEASE

# The store or this process may have stopped since the last look: more than this proves nothing.
LONGEST_GAP = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Lease:
    """One lease as it is stored.

    Attributes:
        resource: what is held: a task's key, or an endpoint's name.
        holder: who holds it: a run's id, or a task's key.
        until: its end by the holder's clock; each renewal moves it.
    """

    resource: int | str
    holder: str | int | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class HeldLeases:
    """Every lease of a store: runs on tasks, and tasks on endpoints."""

    claims: Sequence[Lease]
    slots: Sequence[Lease]


@dataclass(slots=True)
class LeaseWatch:
    """Tells which leases were not renewed for `LEASE`, by the watching process's monotonic clock.

    Time without a look counts `LONGEST_GAP` at most: while the store was away, nobody could renew a lease.

    Examples:
        >>> from trellis_assets.testing.fakes import NOW
        >>> watch, lease = LeaseWatch(), Lease(7, "run", NOW)
        >>> [watch.ended([lease], at_s=at) == [lease] for at in (0.0, 10.0, 20.0, 30.0)]
        [False, False, False, True]
    """

    _unchanged_s: dict[Lease, float] = field(default_factory=dict)
    _looked_at_s: float | None = None

    def ended(self, leases: Iterable[Lease], at_s: float) -> list[Lease]:
        """Return those of the leases that have ended.

        Args:
            leases: all that are held now.
            at_s: the monotonic time, seconds.
        """
        passed_s = 0.0 if self._looked_at_s is None else at_s - self._looked_at_s
        counted_s = min(max(passed_s, 0.0), LONGEST_GAP.total_seconds())
        before, self._looked_at_s = self._unchanged_s, at_s
        self._unchanged_s = {lease: before[lease] + counted_s if lease in before else 0.0 for lease in leases}
        return [lease for lease, s in self._unchanged_s.items() if s >= LEASE.total_seconds()]
