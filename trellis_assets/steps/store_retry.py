"""Insisting: what cost a GPU or a validator's word is not given up because the store fails for a moment."""

import logging
from collections.abc import Callable
from typing import TypeVar

from trellis_assets.domain.heartbeats import Stage
from trellis_assets.domain.tasks import Task
from trellis_assets.observability.audit_log import audit
from trellis_assets.ports import Clock, StoreError
from trellis_assets.system.stages import enter_stage

Kept = TypeVar("Kept")

# Rests between the tries, seconds: about a minute.
RESTS_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)


def insist(clock: Clock, keep: Callable[[], Kept], *, task: Task, what: str) -> Kept:
    """What `keep` gives: it is stored.

    Args:
        clock: rests between the tries.
        keep: stores something that exists nowhere else; harmless to do again.
        task: for the audit trail.
        what: what is at stake, for the audit trail.

    Raises:
        StoreError: the store failed all the time.
    """
    for rest_s in RESTS_S:
        enter_stage(Stage.STORING)
        try:
            return keep()
        except StoreError as error:
            audit(f"{what} could not be stored yet", task=task, level=logging.ERROR, reason=str(error))
        clock.sleep(rest_s)
    return keep()
