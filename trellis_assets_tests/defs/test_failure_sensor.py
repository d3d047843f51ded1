"""A run that failed is told to a person: why, and where to look; strangers' words as one plain line."""

from pathlib import Path

import dagster as dg
import pytest

from trellis_assets.composition import Pipeline
from trellis_assets.definitions import defs
from trellis_assets.defs.failure_sensor import failure_sensor
from trellis_assets.domain.tasks import printable
from trellis_assets.settings import Settings
from trellis_assets.steps.notify import NotifyStep
from trellis_assets.testing.fakes import FakeClock
from trellis_assets_tests.defs.pipelines import resources_of
from trellis_assets_tests.steps.test_notify import Chat

HOSTILE = "a vase\n\x1b[31mred\x00\u202e <script> $(reboot)"


def failed(job: dg.JobDefinition, parts: Pipeline) -> dg.SkipReason | None:
    """Return what the sensor says to a real run of the job that failed."""
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        assert not result.success
        context = dg.build_run_status_sensor_context(
            sensor_name="failure_sensor",
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            dagster_event=result.get_run_failure_event(),
            resources=resources_of(parts),
        ).for_run_failure()
        said = failure_sensor(context)
    assert said is None or isinstance(said, dg.SkipReason)
    return said


def job_that_raises(error: BaseException) -> dg.JobDefinition:
    @dg.op
    def work() -> None:
        try:
            raise RuntimeError(HOSTILE)  # noqa: TRY301
        except RuntimeError as inner:
            raise error from inner

    @dg.job(name="some_job")
    def job() -> None:
        work()

    return job


@pytest.fixture
def chat() -> Chat:
    return Chat()


@pytest.fixture
def parts(tmp_path: Path, chat: Chat) -> Pipeline:
    pipeline = Pipeline(Settings.load(data_dir=tmp_path, webserver_port=3999))
    pipeline.__dict__["notify_step"] = NotifyStep(chat, FakeClock())
    return pipeline


def test_the_innermost_reason_is_told_in_one_plain_line(parts: Pipeline, chat: Chat) -> None:
    failed(job_that_raises(ValueError("outer words")), parts)
    ((text, link),) = chat.messages
    assert text.startswith("some_job failed: RuntimeError: a vase")
    assert text.isprintable(), "no newline, ANSI escape, NUL or right-to-left override"
    assert link.startswith("http://127.0.0.1:3999/runs/")


def test_a_deliberate_failure_is_told_by_its_description(parts: Pipeline, chat: Chat) -> None:
    failed(job_that_raises(dg.Failure(description="task 7: generation_failed\x1b[0m")), parts)
    ((text, _),) = chat.messages
    assert text == "some_job failed: task 7: generation_failed [0m"


def test_without_a_webhook_the_sensor_says_so(tmp_path: Path) -> None:
    said = failed(job_that_raises(ValueError("x")), Pipeline(Settings.load(data_dir=tmp_path)))
    assert said is not None
    assert "TRELLIS_WEBHOOK_URL" in str(said.skip_message)


def test_a_webhook_that_is_away_does_not_fail_the_sensor(parts: Pipeline, chat: Chat) -> None:
    chat.is_unreachable = True
    assert failed(job_that_raises(ValueError("x")), parts) is None


def test_what_failed_before_the_first_tick_is_told_once(parts: Pipeline, chat: Chat) -> None:
    """The poller starts the first runs before the daemon has looked at this sensor."""
    job = job_that_raises(ValueError("x"))
    sensor = defs.get_sensor_def("failure_sensor")
    with dg.DagsterInstance.local_temp() as instance:
        assert not job.execute_in_process(instance=instance, raise_on_error=False).success
        cursor = None
        for _ in range(2):
            context = dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources_of(parts))
            cursor = sensor.evaluate_tick(context).cursor
    assert [text for text, _ in chat.messages] == [
        f"some_job failed: RuntimeError: {printable(HOSTILE, 500)}"
    ]
