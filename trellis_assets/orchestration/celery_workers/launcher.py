"""Launch runs in Celery workers: dagster-celery's launcher, with our queues and health checks."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self

import dagster as dg
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._serdes import ConfigurableClassData
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import (
    DAGSTER_CELERY_QUEUE_TAG,
    DAGSTER_CELERY_RUN_PRIORITY_TAG,
    DAGSTER_CELERY_TASK_ID_TAG,
)

from trellis_assets.domain.scheduling.worker_queues import describe_unserved, queue_for, run_priority
from trellis_assets.domain.tasks import Task
from trellis_assets.orchestration.celery_workers.worker_registry import (
    AWAY,
    WorkerRegistry,
    describe_broker_error,
    reach_broker,
)

_ANSWERS_WITHIN_S = 1.0
_TRY_EVERY_S = 3.0
# A run that no worker has executed for so long is lost. This allows for a worker that is too busy to answer
# and for a broker that has just come back.
_LOST_AFTER_S = 45.0
_FORGET_S = 600.0


class WorkerQueuesLauncher(CeleryRunLauncher):  # type: ignore[misc]  # no types of its own
    """`CeleryRunLauncher` that knows which queues have a worker."""

    _tried: tuple[float, str | None] = (-_TRY_EVERY_S, None)
    _seen: tuple[float, frozenset[str]] = (-_TRY_EVERY_S, frozenset())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._executing_at: dict[str, float] = {}
        self._registry = WorkerRegistry(self.celery)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> Self:
        """Return an instance; Dagster calls it with what `dagster.yaml` says."""
        return cls(inst_data=inst_data, **config_value)

    def terminate(self, run_id: str) -> bool:
        """Tell the run's worker to interrupt it; return whether there was one to tell."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished or (task_id := run.tags.get(DAGSTER_CELERY_TASK_ID_TAG)) is None:
            return False
        self._instance.report_run_canceling(run)
        # Not SIGTERM, which would end the worker's process and leave the run without its last events.
        self.celery.AsyncResult(task_id).revoke(terminate=True, signal="SIGINT")
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Return whether a worker executes the run, by what the workers answer.

        Celery's stored state would stay "started" for ever when the worker died with its machine.
        """
        now = time.monotonic()
        self._executing_at = {run_id: at for run_id, at in self._executing_at.items() if now - at < _FORGET_S}
        executing = self._executing()
        if executing is None or run.tags.get(DAGSTER_CELERY_TASK_ID_TAG) in executing:
            self._executing_at[run.run_id] = now
        if now - self._executing_at.setdefault(run.run_id, now) < _LOST_AFTER_S:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "no worker executes the run")

    def _executing(self) -> frozenset[str] | None:
        """Return Celery's ids of what the workers execute now; None if the broker does not answer."""
        if time.monotonic() - self._seen[0] > _ANSWERS_WITHIN_S:
            try:
                answers = self.celery.control.inspect(timeout=_ANSWERS_WITHIN_S).active()
            except AWAY:
                return None
            ids = (task["id"] for tasks in (answers or {}).values() for task in tasks)
            self._seen = (time.monotonic(), frozenset(ids))
        return self._seen[1]

    def routing_tags(
        self, task: Task, queues: Sequence[str], largest_stake: float, now: datetime
    ) -> dict[str, str]:
        """Return tags that send the task's run to a queue with a worker, ahead of runs worth less."""
        queue = queue_for(task.key, task.attempt, self._registry.serves(queues) or queues)
        priority = run_priority(task.validator_stake or 0.0, largest_stake, now - task.pulled_at)
        return {DAGSTER_CELERY_QUEUE_TAG: queue, DAGSTER_CELERY_RUN_PRIORITY_TAG: str(priority)}

    def problem(self, queues: Sequence[str]) -> str | None:
        """Return why no run of these queues can be executed now; None when one can. Cached for 3 s."""
        if time.monotonic() - self._tried[0] > _TRY_EVERY_S:
            self._tried = (time.monotonic(), self._try_broker())
        if self._tried[1] is not None or self._registry.serves(queues):
            return self._tried[1]
        return f"{describe_unserved(queues)}: start one with `trellis-assets worker`"

    def _try_broker(self) -> str | None:
        try:
            reach_broker(self.celery, _ANSWERS_WITHIN_S)
        except AWAY as error:
            return f"{describe_broker_error(error)}: TRELLIS_CELERY_BROKER"
        return None


def celery_launcher(instance: dg.DagsterInstance) -> CeleryRunLauncher | None:
    """Return the instance's launcher if runs go to Celery, else None."""
    launcher = instance.run_launcher
    return launcher if isinstance(launcher, CeleryRunLauncher) else None
