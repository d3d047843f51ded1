"""A hostile task all the way through a run: its words stay words, in logs, tags, metadata and file names."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from trellis_assets.defs.jobs import mine_task_job
from trellis_assets.defs.metadata import small_table
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.submissions import SubmissionOutcome
from trellis_assets.domain.tasks import Task, TaskKind
from trellis_assets.orchestration.runs import run_request
from trellis_assets.ports import GenerationError
from trellis_assets.settings import Settings
from trellis_assets.testing.fakes import (
    MINER,
    FakeClock,
    ScriptedNetwork,
    a_pulled_task,
    a_validator,
    an_answer,
)
from trellis_assets.testing.splats import a_ball
from trellis_assets_tests.defs.pipelines import ScriptedPipeline, resources_of

MARKUP = (
    "'; DROP TABLE tasks; -- $(reboot) `id` <script>alert(1)</script> ![x](http://evil.example/a.png) ../../a"
)
PROMPT = f"a vase {MARKUP} \x1b[31mred\x1b[0m\r\nlevel=INFO forged=line\x07\u202egnp\u2028\x85 \x9b31m"


@dataclass
class Maker:
    """A generator whose server answers with hostile text, or that makes a ball."""

    fails: bool
    name = "test 1"
    endpoints = ("local",)

    def problem(self) -> None:
        return None

    def supports(self, kind: TaskKind) -> bool:
        return True

    def generate(self, prompt: str, **_: Any) -> GaussianSplats:
        assert prompt == PROMPT, "the generator gets the prompt as it came"
        if self.fails:
            raise GenerationError(PROMPT, is_transient=False)
        return a_ball(7000)


@dataclass
class Ran:
    task: Task
    events: list[dg.EventLogEntry]
    folder: Path
    messages: list[str]


@pytest.fixture(params=[False, True], ids=["answered", "failed"])
def ran(request: pytest.FixtureRequest, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Ran:
    validator = a_validator(1)
    network = ScriptedNetwork([validator])
    outcome = SubmissionOutcome.HANDED_BACK if request.param else SubmissionOutcome.ACCEPTED
    network.answers = [an_answer(outcome, message=PROMPT)]
    parts = ScriptedPipeline(Settings.load(data_dir=tmp_path, validate_models=False), network)
    parts.__dict__["generator"] = Maker(request.param)
    # An endpoint that fails for good is waited for, for ten minutes.
    parts.__dict__["clock"] = FakeClock()
    parts.store.validators.save([validator], parts.clock.now())
    pulled = a_pulled_task(MARKUP, PROMPT)
    key = parts.store.arrivals.record(
        pulled, validator=validator, miner_hotkey=MINER, now=parts.clock.now(), session_id=None
    ).task.key
    task = parts.store.tasks.get(key)
    wanted = run_request(task)
    with dg.DagsterInstance.ephemeral() as instance, caplog.at_level(logging.DEBUG, "trellis_assets"):
        result = mine_task_job.execute_in_process(
            run_config=wanted.run_config,
            tags=wanted.tags,
            resources=resources_of(parts),
            instance=instance,
            raise_on_error=False,
        )
        assert result.success is not request.param
        events = list(instance.all_logs(result.run_id))
    messages = [r.getMessage() for r in caplog.records if r.name.startswith("trellis_assets")]
    return Ran(parts.store.tasks.get(key), events, tmp_path, messages)


def metadata_of(events: list[dg.EventLogEntry]) -> list[tuple[str, dg.MetadataValue[Any]]]:
    found: list[tuple[str, dg.MetadataValue[Any]]] = []
    for entry in events:
        data = getattr(entry.dagster_event, "event_specific_data", None)
        found += getattr(data, "metadata", {}).items()
        found += getattr(getattr(data, "materialization", None), "metadata", {}).items()
    return found


def test_log_lines_of_a_hostile_prompt_are_one_line_each(ran: Ran) -> None:
    assert any("DROP TABLE" in message for message in ran.messages)
    assert all(message.isprintable() for message in ran.messages)
    lines = (ran.folder / "logs" / "trellis.jsonl").read_bytes().split(b"\n")[:-1]
    assert len(lines) >= 3
    for line in lines:
        assert all(0x20 <= byte < 0x7F for byte in line), "ASCII without control characters"
        assert json.loads(line)["event"]


def test_run_of_a_hostile_prompt_is_tagged_in_printable_text(ran: Ran) -> None:
    assert all(value.isprintable() for value in run_request(ran.task).tags.values())
    metadata = metadata_of(ran.events)
    assert {name for name, _ in metadata} >= {"task_id", "prompt", "state"}
    for name, value in metadata:
        if isinstance(value, dg.MarkdownMetadataValue):
            assert value.value.startswith("![the generated model](data:image/webp;base64,"), name
            assert "evil" not in value.value
        if isinstance(value, dg.TextMetadataValue):
            assert (value.text or "").isprintable(), name
        if isinstance(value, dg.UrlMetadataValue):
            assert (value.url or "").startswith("http://127.0.0.1:3001/models/")


def test_failure_of_a_hostile_prompt_is_one_line(ran: Ran) -> None:
    data = [entry.dagster_event.step_failure_data for entry in ran.events
            if entry.dagster_event and entry.dagster_event.is_step_failure]  # fmt: skip
    descriptions = [d.user_failure_data.description for d in data if d.user_failure_data]
    assert all(description and description.isprintable() for description in descriptions)
    assert len(descriptions) == (ran.task.generation is None)


def test_files_of_a_hostile_prompt_are_named_by_numbers(ran: Ran) -> None:
    names = [str(path.relative_to(ran.folder)) for path in ran.folder.rglob("*")]
    assert not any(word in name for name in names for word in ("vase", "DROP", "script", "..", "$"))
    assert any(name.startswith("models/") for name in names) is (ran.task.generation is not None)


def test_hostile_prompt_is_stored_and_submitted_unchanged(ran: Ran) -> None:
    assert (ran.task.task_id, ran.task.prompt) == (MARKUP, PROMPT)


def test_hostile_prompt_is_printable_in_tables_of_the_metadata() -> None:
    table = small_table(pd.DataFrame({"prompt": [PROMPT * 100]}), ["prompt"])
    assert isinstance(table, dg.TableMetadataValue)
    (cell,) = table.records[0].data.values()
    assert isinstance(cell, str)
    assert cell.isprintable()
    assert len(cell) <= 200
