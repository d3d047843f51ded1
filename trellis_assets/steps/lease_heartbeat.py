"""Lease heartbeat: renews leases while their worker lives; they end soon after it dies."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from trellis_assets.domain.tasks import LEASE
from trellis_assets.observability.audit_log import audit
from trellis_assets.ports import Clock, StoreError

RENEW_EVERY_S = 8.0


@contextmanager
def lease_heartbeat(clock: Clock, *extenders: Callable[[datetime], bool]) -> Iterator[threading.Event]:
    """Renew leases every 8 s while the block runs.

    Args:
        clock: gives the time.
        extenders: each moves the end of one lease to the given time, and returns whether it is still held.

    Yields:
        An event that is set once a lease is lost: another run has taken over. Moves in the store are
        fenced by the run id, so that a lost lease does no harm; the event saves work.
    """
    stop, lost = threading.Event(), threading.Event()

    def renew() -> None:
        while not stop.wait(RENEW_EVERY_S):
            until = clock.now() + LEASE
            try:
                is_held = all(extend(until) for extend in extenders)
            except StoreError as error:
                # While no process can write, none can take over either.
                audit("lease could not be renewed", level=logging.WARNING, reason=str(error))
                continue
            if not is_held:
                lost.set()
                return

    thread = threading.Thread(target=renew, name="lease-renewal", daemon=True)
    thread.start()
    try:
        yield lost
    finally:
        stop.set()
        thread.join()
