"""Store retry: a result that cost a GPU or a validator's answer outlives a short failure of the store."""

import logging
from collections.abc import Callable
from typing import TypeVar

from trellis_assets.domain.backoff import BackoffPolicy, retry
from trellis_assets.domain.heartbeats import Stage
from trellis_assets.domain.tasks import Task
from trellis_assets.observability.audit_log import audit
from trellis_assets.ports import Clock, StoreError
from trellis_assets.system.stages import enter_stage

T = TypeVar("T")

# A minute in all.
STORE_BACKOFF = BackoffPolicy.of_seconds(1, 2, 4, 8, 15, 30, jitter=0.0)
STORE_TRIES = 1 + len(STORE_BACKOFF.steps)


def retry_store(clock: Clock, write: Callable[[], T], *, task: Task, what: str) -> T:
    """Return what `write` returns, trying again for a minute while the store fails.

    Args:
        clock: waits between the tries.
        write: stores something that exists nowhere else; harmless to repeat.
        task: for the audit log.
        what: what is stored, for the audit log.

    Raises:
        StoreError: the store failed at every try.
    """

    def attempt() -> T:
        enter_stage(Stage.STORING)
        return write()

    def on_failure(error: Exception) -> None:
        audit(f"{what} could not be stored yet", task=task, level=logging.ERROR, reason=str(error))

    return retry(
        attempt,
        on=StoreError,
        policy=STORE_BACKOFF,
        tries=STORE_TRIES,
        sleep=clock.sleep,
        on_failure=on_failure,
    )
