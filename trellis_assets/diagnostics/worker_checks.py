"""Health check of the Celery workers that execute runs."""

from trellis_assets.diagnostics.machine_checks import CheckContext
from trellis_assets.domain.diagnostics import CheckResult, Health, judge_workers
from trellis_assets.orchestration.dagster_home import celery_broker
from trellis_assets.settings import RunLauncherName


def check_workers(context: CheckContext) -> list[CheckResult]:
    """Return whether workers execute the runs; nothing where runs execute on this machine.

    Raises:
        SettingsError: no broker is set, or what speaks to it is not installed.
    """
    settings = context.settings
    if settings.orchestration.run_launcher is not RunLauncherName.CELERY:
        return []
    broker = celery_broker(settings)
    from celery import Celery

    from trellis_assets.orchestration.celery_workers.worker_registry import (
        ANSWERS_WITHIN_S,
        AWAY,
        concurrency_of,
        describe_broker_error,
        reach_broker,
        served_queues,
    )

    with Celery(broker=broker) as app:
        try:
            reach_broker(app, ANSWERS_WITHIN_S)
            queues = served_queues(app)
            most = concurrency_of(app) if queues else {}
        except AWAY as error:
            advice = "start the Redis of TRELLIS_CELERY_BROKER"
            return [CheckResult("workers", Health.FAILED, describe_broker_error(error), advice)]
    return [
        judge_workers(
            queues, most, settings.orchestration.celery_queues, len(context.pipeline.generator.endpoints)
        )
    ]
