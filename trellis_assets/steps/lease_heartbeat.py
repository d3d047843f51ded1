"""A claim is a lease: held while its worker lives, free soon after it dies."""

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
    """While the block runs, each extender is called with a new end of its lease.

    Yields:
        An event that is set once a lease is lost: somebody else has taken over. Moves in the store
        are fenced by the run id, so that a lost lease cannot do harm; the event saves work.
    """
    stop, lost = threading.Event(), threading.Event()

    def renew() -> None:
        while not stop.wait(RENEW_EVERY_S):
            until = clock.now() + LEASE
            try:
                is_held = all(extend(until) for extend in extenders)
            except StoreError as error:
                # While nobody can write, nobody can take over either; the next turn tells.
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
