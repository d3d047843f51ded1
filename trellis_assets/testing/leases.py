"""Leases in tests: time in which nobody renews them."""

from trellis_assets.domain.leases import LONGEST_GAP
from trellis_assets.domain.tasks import LEASE
from trellis_assets.ports import Store
from trellis_assets.steps.end_leases import EndLeasesStep
from trellis_assets.testing.fakes import FakeClock


def let_leases_end(store: Store, clock: FakeClock, step: EndLeasesStep | None = None) -> None:
    """Let a lease's time pass while the code server watches; leases that are held now end.

    Args:
        store: whose leases.
        clock: of the code server.
        step: the code server's; None for one that starts to watch now.
    """
    watching = step or EndLeasesStep(store.leases, clock)
    watching.run()
    gap_s = LONGEST_GAP.total_seconds()
    for _ in range(int(LEASE.total_seconds() / gap_s)):
        clock.advance(gap_s)
        watching.run()
