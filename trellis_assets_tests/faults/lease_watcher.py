"""Watch the leases of a store as the code server does, in a process whose clock can be faked."""

import sys
import time

from trellis_assets.adapters.storage.store import open_store
from trellis_assets.steps.end_leases import EndLeasesStep
from trellis_assets.system.clock import SystemClock

LONGEST_S = 300.0


def watch(url: str) -> None:
    """Print this process's time, then watch until the lease is ended, or five minutes."""
    store, clock = open_store(url), SystemClock()
    sys.stdout.write(f"{clock.now().isoformat()}\n")
    sys.stdout.flush()
    step, began_s = EndLeasesStep(store.leases, clock), clock.monotonic()
    step.run()
    while store.leases.held().claims and clock.monotonic() - began_s < LONGEST_S:
        time.sleep(1)
        step.run()


if __name__ == "__main__":
    watch(sys.argv[1])
