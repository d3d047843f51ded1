"""Each check passes on what mining leaves, and names the rows of a fault that was planted."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from trellis_assets.adapters.file_storage.local import LocalFileStore
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.consistency import LEAST_PAIRS
from trellis_assets.domain.submissions import SubmissionOutcome
from trellis_assets.steps.check_consistency import CheckConsistencyStep
from trellis_assets.steps.export_statistics import ExportStatisticsStep
from trellis_assets.testing.fakes import NOW, FakeClock, a_validator
from trellis_assets_tests.ended_tasks import History


@pytest.fixture
def step(store: SqlStore, files: LocalFileStore, clock: FakeClock) -> CheckConsistencyStep:
    return CheckConsistencyStep(store.consistency, store.statistics, files, clock, timedelta(hours=24))


@pytest.fixture
def history(store: SqlStore, files: LocalFileStore) -> History:
    return History(store, files)


def plant(store: SqlStore, sql: str, **values: object) -> None:
    with store.engine.begin() as connection:
        assert connection.execute(text(sql), values).rowcount


def findings(step: CheckConsistencyStep) -> dict[str, bool]:
    return {
        "stuck": step.no_task_is_stuck().passed,
        "files": step.files_match().passed,
        "duplicates": step.no_duplicate_was_generated().passed,
        "feedback": step.submissions_have_feedback().passed,
        "drift": step.scores_do_not_drift().passed,
        "statistics": step.statistics_agree().passed,
    }


def test_an_empty_store_passes(step: CheckConsistencyStep) -> None:
    assert all(findings(step).values())


def test_what_mining_leaves_passes(
    step: CheckConsistencyStep, history: History, store: SqlStore, clock: FakeClock, tmp_path: Path
) -> None:
    for number in range(LEAST_PAIRS + 5):
        history.answered(validator=a_validator(1 + number % 3))
    history.handed_back("duplicate of task 1")
    history.failed("no server")
    history.answered(outcome=SubmissionOutcome.REJECTED, fidelity=0.0)
    clock.advance(60)
    ExportStatisticsStep(store.statistics, clock, tmp_path / "reports", None).run()
    assert all(findings(step).values())
    assert step.statistics_agree().looked_at == 3 * 3 + 3


def test_a_task_that_nobody_works_on_is_named(
    step: CheckConsistencyStep, history: History, clock: FakeClock
) -> None:
    task = history.generated()
    clock.advance(30 * 60)
    assert step.no_task_is_stuck().passed
    clock.advance(31 * 60)
    assert step.no_task_is_stuck().rows == (task.key,)


def test_a_task_in_a_run_s_hands_is_not_stuck(
    step: CheckConsistencyStep, history: History, store: SqlStore, clock: FakeClock
) -> None:
    task = history.generated()
    clock.advance(2 * 3600)
    store.claims.claim(task.key, "run", now=clock.now(), until=clock.now() + timedelta(seconds=30))
    assert step.no_task_is_stuck().passed


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"other")])
def test_a_missing_or_changed_file_is_named(
    step: CheckConsistencyStep, history: History, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    history.answered()
    task = history.answered()
    assert task.generation is not None
    damage(tmp_path / "files" / task.generation.spz.path)
    assert step.files_match().rows == (task.key,)


def test_a_prompt_that_was_generated_twice_is_named(step: CheckConsistencyStep, history: History) -> None:
    history.answered("a red vase")
    again = history.answered("a red vase", at=NOW + timedelta(hours=1))
    assert step.no_duplicate_was_generated().rows == (again.key,)


def test_another_validator_s_prompt_and_one_after_the_window_are_no_fault(
    step: CheckConsistencyStep, history: History, clock: FakeClock
) -> None:
    history.answered("a red vase")
    history.answered("a red vase", validator=a_validator(2))
    history.answered("a red vase", at=NOW + timedelta(hours=25))
    clock.advance(26 * 3600)
    assert step.no_duplicate_was_generated().passed


def test_an_accepted_submission_without_feedback_is_named(
    step: CheckConsistencyStep, history: History, store: SqlStore
) -> None:
    history.answered()
    task = history.answered()
    plant(store, "UPDATE tasks SET task_fidelity_score = NULL WHERE key = :key", key=task.key)
    assert step.submissions_have_feedback().rows == (task.key,)


def test_scores_that_drift_are_named(step: CheckConsistencyStep, history: History) -> None:
    tasks = [history.answered(score=0.95, fidelity=0.61) for _ in range(LEAST_PAIRS)]
    finding = step.scores_do_not_drift()
    assert not finding.passed
    assert set(finding.rows) == {task.key for task in tasks}


def test_a_validator_s_counter_that_is_off_is_named(
    step: CheckConsistencyStep, history: History, store: SqlStore
) -> None:
    task = history.answered()
    plant(store, "UPDATE validator_polls SET total_successful_submissions = 7")
    finding = step.statistics_agree()
    assert not finding.passed
    assert f"total_successful_submissions of {task.validator_hotkey}" in finding.text
    assert "7 kept, 1 in the task table" in finding.text


def test_exported_statistics_that_are_off_are_named(
    step: CheckConsistencyStep, history: History, store: SqlStore, clock: FakeClock, tmp_path: Path
) -> None:
    task = history.answered()
    clock.advance(60)
    ExportStatisticsStep(store.statistics, clock, tmp_path / "reports", None).run()
    assert step.statistics_agree().passed
    plant(store, "UPDATE tasks SET state = 'rejected' WHERE key = :key", key=task.key)
    plant(store, "UPDATE validator_polls SET total_successful_submissions = 0")
    finding = step.statistics_agree()
    assert "successful_submissions in the statistics" in finding.text
    assert "rejected_submissions in the statistics" in finding.text


def test_a_task_that_ends_while_statistics_are_taken_is_no_fault(
    step: CheckConsistencyStep, history: History, store: SqlStore, clock: FakeClock, tmp_path: Path
) -> None:
    clock.advance(5)
    ExportStatisticsStep(store.statistics, clock, tmp_path / "reports", None).run()
    history.answered()  # stamped one second before, stored after
    assert step.statistics_agree().passed
