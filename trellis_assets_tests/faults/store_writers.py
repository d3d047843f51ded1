"""Writers that take tasks through their whole life in a store, and note what the store acknowledged."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from trellis_assets.adapters.storage.store import SqlStore, open_store
from trellis_assets.domain.submissions import Submission, SubmissionKind, SubmissionOutcome
from trellis_assets.domain.tasks import LEASE, IllegalTransitionError, TaskState
from trellis_assets.ports import StoreError
from trellis_assets.testing.fakes import MINER, NOW, a_feedback, a_generation, a_pulled_task, a_validator

VALIDATOR = a_validator(1)
FIDELITY = 0.8
_RETRY_S = 0.05
Done = TypeVar("Done")


@dataclass(slots=True)
class Acknowledged:
    """What a writer was told is stored, by the validator's name of the task.

    Attributes:
        errors: calls that the server's death cut off; whether they were committed, nobody was told.
    """

    arrived: dict[str, int] = field(default_factory=dict)
    claimed: dict[str, str] = field(default_factory=dict)
    accepted: list[str] = field(default_factory=list)
    errors: int = 0


def write_until(stop: Path, url: str, process: int, threads: int) -> list[Acknowledged]:
    """Let threads of this process write until the file exists; return what each was told."""
    store = open_store(url)
    try:
        with ThreadPoolExecutor(threads) as pool:
            writers = [pool.submit(_write, store, f"{process}-{n}", stop) for n in range(threads)]
            return [writer.result() for writer in writers]
    finally:
        store.close()


def _write(store: SqlStore, name: str, stop: Path) -> Acknowledged:
    told, number = Acknowledged(), 0
    while not stop.exists():
        number += 1
        _live(store, told, f"{name}-{number}")
    return told


def _live(store: SqlStore, told: Acknowledged, task_id: str) -> None:
    """Take one task from its arrival to its answer; each step is tried until it is acknowledged."""
    run = f"run of {task_id}"

    def retry_until_acknowledged(step: Callable[[], Done]) -> Done | None:
        while True:
            try:
                return step()
            except StoreError:
                told.errors += 1
                time.sleep(_RETRY_S)
            except IllegalTransitionError:
                return None  # it was committed, and the server died before it said so

    def record() -> int:
        pulled = a_pulled_task(task_id, prompt=f"a chair, {task_id}")
        arrival = store.arrivals.record(
            pulled, validator=VALIDATOR, miner_hotkey=MINER, now=NOW, session_id=None
        )
        return arrival.task.key

    key = retry_until_acknowledged(record)
    assert key is not None
    told.arrived[task_id] = key
    assert (
        retry_until_acknowledged(lambda: store.claims.claim(key, run, now=NOW, until=NOW + LEASE)) is not None
    )
    told.claimed[task_id] = run
    retry_until_acknowledged(
        lambda: store.tasks.move(key, TaskState.GENERATED, now=NOW, generation=a_generation(), run_id=run)
    )
    retry_until_acknowledged(lambda: store.tasks.move(key, TaskState.VALIDATED, now=NOW, run_id=run))
    retry_until_acknowledged(lambda: store.tasks.move(key, TaskState.SUBMITTING, now=NOW, run_id=run))
    answer = Submission(SubmissionKind.RESULT, NOW, attempt=1, outcome=SubmissionOutcome.ACCEPTED)
    retry_until_acknowledged(
        lambda: store.tasks.settle(
            key,
            TaskState.ACCEPTED,
            now=NOW + timedelta(seconds=3),
            reason=None,
            submission=answer,
            feedback=a_feedback(FIDELITY),
            cooldown_until=None,
            run_id=run,
        )
    )
    told.accepted.append(task_id)
