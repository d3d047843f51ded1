"""What is past its time goes, its sums stay, and nothing that is needed goes with it."""

import io
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import select

from trellis_assets.adapters.file_storage.local import LocalFileStore
from trellis_assets.adapters.storage.models import TaskRow, ValidationRow
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.model_filter import ModelFilter
from trellis_assets.domain.retention import RetentionPolicy
from trellis_assets.domain.submissions import SubmissionOutcome
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import MissingFileError
from trellis_assets.steps.check_consistency import CheckConsistencyStep
from trellis_assets.steps.maintain import Maintained, MaintainStep
from trellis_assets.testing.fakes import MINER, NOW, FakeClock, a_pulled_task, a_validator
from trellis_assets_tests.ended_tasks import History

DAY = timedelta(days=1)
Maintain = Callable[[], Maintained]


@pytest.fixture
def history(store: SqlStore, files: LocalFileStore) -> History:
    return History(store, files)


@pytest.fixture
def maintain(store: SqlStore, files: LocalFileStore, clock: FakeClock) -> Maintain:
    policy = RetentionPolicy(tasks_for=30 * DAY)
    return MaintainStep(store.retention, store.candidates, files, clock, policy).run


def rows(store: SqlStore, table: type) -> int:
    with store.engine.connect() as connection:
        return len(connection.execute(select(table)).all())


def test_nothing_goes_before_its_time(history: History, maintain: Maintain, clock: FakeClock) -> None:
    task = history.answered()
    clock.advance(3600)
    assert maintain() == Maintained(0, 0, 0, 0, 0, 0, 0, 0)
    assert task.generation is not None
    assert history.files is not None
    assert history.files.read(task.generation.spz)


def test_a_model_that_is_past_its_time_goes_with_its_picture(
    history: History, maintain: Maintain, clock: FakeClock, files: LocalFileStore, tmp_path: Path
) -> None:
    task = history.answered()
    assert task.generation is not None
    files.derived(task.generation.spz, "webp", lambda _: b"picture")
    clock.advance(15 * DAY.total_seconds())
    assert maintain().models == 1
    with pytest.raises(MissingFileError):
        files.read(task.generation.spz)
    assert not [path for path in tmp_path.rglob("*") if path.suffix in {".spz", ".webp"}]
    assert maintain().models == 0


def test_a_deleted_model_is_no_fault_and_nobody_looks_for_it(
    history: History, maintain: Maintain, clock: FakeClock, store: SqlStore, files: LocalFileStore
) -> None:
    history.answered(score=None)
    clock.advance(15 * DAY.total_seconds())
    before = store.statistics.snapshot(None, clock.now()).totals
    maintain()
    check = CheckConsistencyStep(store.consistency, store.statistics, files, clock, DAY)
    assert check.files_match().passed
    assert store.validations.unjudged(MINER, NOW, clock.now()) == {}
    gallery = store.catalogue
    assert gallery.models(ModelFilter(), 10) == []
    assert gallery.model(1) is None
    assert store.statistics.snapshot(None, clock.now()).totals == before


def test_a_file_that_a_younger_task_reuses_stays(
    history: History, maintain: Maintain, clock: FakeClock, store: SqlStore
) -> None:
    first = history.answered()
    assert first.generation is not None
    clock.advance(10 * DAY.total_seconds())
    second = history.generated(at=clock.now())
    assert second.generation is not None
    shared = replace(second.generation, spz=first.generation.spz, reused_from=first.key)
    with store.transactions.writing() as session:
        row = session.get_one(TaskRow, second.key)
        row.spz_path, row.reused_from = shared.spz.path, first.key
    clock.advance(10 * DAY.total_seconds())
    maintain()
    assert history.files is not None
    assert history.files.read(first.generation.spz)


def test_rows_that_go_leave_their_sums(
    history: History, maintain: Maintain, clock: FakeClock, store: SqlStore, files: LocalFileStore
) -> None:
    for number in range(5):
        history.answered(validator=a_validator(1 + number % 2))
    history.answered(score=None)
    store.validations.record_idle(6, history.answered().verdict)  # type: ignore[arg-type]
    history.answered(outcome=SubmissionOutcome.REJECTED, fidelity=0.0)
    history.handed_back("duplicate: of task 1")
    history.failed("no server")
    before = store.statistics.snapshot(None, clock.now()).totals
    clock.advance(31 * DAY.total_seconds())
    young = history.answered(at=clock.now())
    gone = maintain()
    assert gone.tasks == 10
    assert rows(store, TaskRow) == 1
    assert rows(store, ValidationRow) == 1
    after = store.statistics.snapshot(None, clock.now()).totals
    assert after.tasks_pulled == before.tasks_pulled + 1
    assert after.successful_submissions == before.successful_submissions + 1
    assert after.idle_validations == before.idle_validations == 1
    assert after.total_generation_time == pytest.approx(before.total_generation_time + 2)
    assert (after.failed, after.handed_back, after.rejected_submissions) == (1, 1, 1)
    assert after.duplicates == 1
    check = CheckConsistencyStep(store.consistency, store.statistics, files, clock, DAY)
    assert check.statistics_agree().passed
    assert store.tasks.get(young.key)


def test_a_task_that_has_not_ended_is_never_archived(
    history: History, maintain: Maintain, clock: FakeClock, store: SqlStore
) -> None:
    task = history.generated()
    clock.advance(1000 * DAY.total_seconds())
    gone = maintain()
    assert (gone.tasks, gone.models) == (0, 0)
    assert store.tasks.get(task.key) == task


def test_pictures_of_old_tasks_are_dropped_and_come_back_when_served_again(
    history: History, maintain: Maintain, clock: FakeClock, store: SqlStore
) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    picture = b64encode(file.getvalue()).decode()
    task = history.answered(picture, kind=TaskKind.IMAGE, outcome=SubmissionOutcome.REJECTED)
    words = history.answered("a red vase")
    clock.advance(15 * DAY.total_seconds())
    assert maintain().pictures == 1
    assert store.tasks.get(task.key).prompt == ""
    assert store.tasks.get(task.key).prompt_sha256 == task.prompt_sha256
    assert store.tasks.get(words.key).prompt == "a red vase"
    again = a_pulled_task(task.task_id, picture, kind=TaskKind.IMAGE)
    store.arrivals.record(
        again, validator=a_validator(1), miner_hotkey=MINER, now=clock.now(), session_id=None
    )
    assert store.tasks.get(task.key).prompt == picture


def test_what_a_killed_process_left_behind_is_swept_after_a_day(
    history: History, maintain: Maintain, files: LocalFileStore, tmp_path: Path
) -> None:
    import os

    task = history.answered()
    assert task.generation is not None
    orphan = files.write(99, "spz", b"nobody's")
    folder = (tmp_path / "files" / orphan.path).parent
    part = folder / ".half.part"
    part.write_bytes(b"half")
    old = (NOW - 2 * DAY).timestamp()
    for path in folder.iterdir():
        os.utime(path, (old, old))
    young = files.write(98, "spz", b"just written")
    assert maintain().leftovers == 2
    assert files.read(task.generation.spz)
    assert files.read(young)
    assert not part.exists()
