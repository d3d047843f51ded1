"""Idle validation over a real store and real files: who gets a score, who does not, and why."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from trellis_assets.adapters.file_storage.local import LocalFileStore
from trellis_assets.adapters.storage.models import ValidationRow
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.tasks import TaskKind, TaskState
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.ports import ValidationUnavailableError
from trellis_assets.steps.validate_idle import ValidateIdleStep
from trellis_assets.testing.fakes import MINER, NOW, FakeClock, a_pulled_task, a_validator, a_verdict
from trellis_assets_tests.ended_tasks import History

HOUR = timedelta(hours=1)
END = NOW + HOUR
OTHER = "5OtherMinerOtherMinerOtherMinerOtherMinerOther"


class CountingValidator:
    """Gives its score to every file, and remembers which; does `meanwhile` as it judges."""

    def __init__(self, name: str = "counting 1", *, score: float = 0.7, is_down: bool = False) -> None:
        self.name, self.score, self.is_down = name, score, is_down
        self.judged: list[bytes] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def validate(self, spz: bytes, *, prompt: str, kind: TaskKind) -> Verdict:
        if self.is_down:
            raise ValidationUnavailableError("no server")
        self.judged.append(spz)
        self.meanwhile()
        parts = {"iqa": self.score, "clip": 0.9}
        return a_verdict(self.score, validator=self.name, parts=parts, started_at=NOW + HOUR)


@pytest.fixture
def history(store: SqlStore, files: LocalFileStore) -> History:
    return History(store, files)


@pytest.fixture
def validator() -> CountingValidator:
    return CountingValidator()


@pytest.fixture
def step(store: SqlStore, files: LocalFileStore, validator: CountingValidator) -> ValidateIdleStep:
    return ValidateIdleStep(store.tasks, store.validations, files, validator, FakeClock(NOW), MINER)


def kept_verdicts(store: SqlStore) -> list[ValidationRow]:
    with store.engine.connect() as connection:
        return list(connection.execute(select(ValidationRow.__table__)).all())  # type: ignore[arg-type]


def test_only_models_without_a_score_are_judged_and_every_part_is_kept(
    step: ValidateIdleStep, history: History, store: SqlStore, validator: CountingValidator
) -> None:
    history.answered(score=0.9)
    bare = history.answered(score=None)
    assert step.run(NOW, END).scored == {bare.key: 0.7}
    assert validator.judged == [f"model {bare.key}".encode()]
    verdict = store.tasks.get(bare.key).verdict
    assert verdict is not None
    assert (verdict.score, dict(verdict.parts)) == (0.7, {"iqa": 0.7, "clip": 0.9})
    assert store.tasks.get(bare.key).state is TaskState.ACCEPTED
    last = kept_verdicts(store)[-1]
    assert (last.validator, last.is_idle, last.score) == ("counting 1", True, 0.7)
    assert last.started_at == NOW + HOUR
    assert last.spz_sha256 == bare.generation.spz.sha256  # type: ignore[union-attr]


def test_a_second_run_changes_nothing(
    step: ValidateIdleStep, history: History, store: SqlStore, validator: CountingValidator
) -> None:
    for _ in range(3):
        history.answered(score=None)
    assert len(step.run(NOW, END).scored) == 3
    before = kept_verdicts(store)
    report = step.run(NOW, END)
    assert (report.scored, report.left_out) == ({}, 0)
    assert kept_verdicts(store) == before
    assert len(validator.judged) == 3


def test_the_hours_bound_what_is_judged(step: ValidateIdleStep, history: History) -> None:
    before = history.answered(score=None, at=NOW - timedelta(seconds=3))
    inside = history.answered(score=None, at=NOW)
    after = history.answered(score=None, at=END - timedelta(seconds=2))
    assert set(step.run(NOW, END).scored) == {inside.key}
    assert set(step.run(NOW - HOUR, NOW).scored) == {before.key}
    assert set(step.run(END, END + HOUR).scored) == {after.key}


@pytest.mark.parametrize(
    ("damage", "listed"),
    [(lambda path: path.unlink(), "missing"), (lambda path: path.write_bytes(b"other"), "changed")],
)
def test_a_missing_or_changed_file_is_named_and_never_scored(
    step: ValidateIdleStep, history: History, tmp_path: Path, damage: Callable[[Path], None], listed: str
) -> None:
    broken, whole = history.answered(score=None), history.answered(score=None)
    assert broken.generation is not None
    damage(tmp_path / "files" / broken.generation.spz.path)
    report = step.run(NOW, END)
    assert getattr(report, listed) == [broken.key]
    assert report.left_out == 1
    assert list(report.scored) == [whole.key]
    assert history.store.tasks.get(broken.key).verdict is None


def test_new_work_stops_it_at_once_and_it_says_what_is_left(
    step: ValidateIdleStep, history: History, store: SqlStore, validator: CountingValidator
) -> None:
    first, *others = [history.answered(score=None) for _ in range(4)]

    def a_task_comes() -> None:
        pulled = a_pulled_task("new", "new")
        store.arrivals.record(pulled, validator=a_validator(1), miner_hotkey=MINER, now=NOW, session_id=None)

    validator.meanwhile = a_task_comes
    report = step.run(NOW, END)
    assert list(report.scored) == [first.key]
    assert report.left == [task.key for task in others]
    assert report.interrupted_by == "task 5 is pulled"


def test_each_miner_of_a_store_judges_its_own_models(
    step: ValidateIdleStep, history: History, validator: CountingValidator
) -> None:
    ours = history.answered(score=None)
    theirs = replace(step, miner_hotkey=OTHER)
    assert theirs.candidates(NOW, END) == {}, "two that judge the same would do the work twice"
    assert list(step.candidates(NOW, END)) == [ours.key]


def test_what_another_miner_does_on_its_machines_holds_back_nobody(
    step: ValidateIdleStep, history: History
) -> None:
    history.generated()
    others = replace(step, miner_hotkey=OTHER)
    assert others.busy_with() is None
    asks_the_same_server = replace(others, shares_validator=True)
    assert asks_the_same_server.busy_with() == "task 1 is generated"


def test_a_task_on_its_way_is_left_to_its_own_run(step: ValidateIdleStep, history: History) -> None:
    history.generated()
    assert step.candidates(NOW, END) == {}
    assert step.busy_with() == "task 1 is generated"


def test_a_validator_that_is_down_scores_nothing_and_is_named(
    step: ValidateIdleStep, history: History, store: SqlStore, validator: CountingValidator
) -> None:
    task = history.answered(score=None)
    validator.is_down = True
    report = step.run(NOW, END)
    assert (report.unavailable, report.left_out) == ([task.key], 1)
    validator.is_down = False
    assert list(step.run(NOW, END).scored) == [task.key]


def test_another_version_of_the_validator_adds_to_the_history(history: History, store: SqlStore) -> None:
    task = history.answered(score=None)
    old = a_verdict(0.6, validator="counting 1")
    new = a_verdict(0.8, validator="counting 2")
    assert store.validations.record_idle(task.key, old)
    assert store.validations.record_idle(task.key, new)
    assert not store.validations.record_idle(task.key, new)
    assert [(row.validator, row.score) for row in kept_verdicts(store)] == [
        ("counting 1", 0.6),
        ("counting 2", 0.8),
    ]
    verdict = store.tasks.get(task.key).verdict
    assert verdict is not None
    assert verdict.score == 0.6, "the score that the decision was made by stays"
