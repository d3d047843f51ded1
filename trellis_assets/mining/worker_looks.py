"""A look at the workers on other machines that execute runs."""

from trellis_assets.domain.health import Health, Symptom, judge_workers
from trellis_assets.mining.dagster_home import celery_broker
from trellis_assets.mining.looks import Patient
from trellis_assets.settings import RunLauncherName


def look_at_workers(patient: Patient) -> list[Symptom]:
    """Whether somebody executes the runs, where that is not this machine; nothing where it is.

    Raises:
        SettingsError: no broker is set, or what speaks to it is not installed.
    """
    settings = patient.settings
    if settings.run_launcher is not RunLauncherName.CELERY:
        return []
    broker = celery_broker(settings)
    from celery import Celery

    from trellis_assets.defs.celery_workers.workforce import ANSWERS_WITHIN_S, AWAY, hands, served_queues

    with Celery(broker=broker) as app:
        try:
            with app.connection_for_write() as connection:
                connection.ensure_connection(max_retries=1, timeout=ANSWERS_WITHIN_S)
            queues = served_queues(app)
            most = hands(app) if queues else {}
        except AWAY as error:
            # Its text may hold the URL with its password: only its type is told.
            text = f"the broker of runs cannot be reached ({type(error).__name__})"
            return [Symptom("workers", Health.FAILED, text, "start the Redis of TRELLIS_CELERY_BROKER")]
    return [judge_workers(queues, most, settings.celery_queues, len(patient.pipeline.generator.endpoints))]
