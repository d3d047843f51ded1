"""A full disk: a real one where the test may mount one, else a disk that says it is full.

As root, a file system of four megabytes in memory is mounted and filled; otherwise `os.fsync` raises
what the kernel would.
"""

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from trellis_assets.adapters.file_storage.local import LocalFileStore
from trellis_assets.adapters.splat_io.spz import encode_spz
from trellis_assets.adapters.storage.store import SqlStore, open_store
from trellis_assets.defs.task_sensor import task_sensor
from trellis_assets.domain import diagnostics
from trellis_assets.domain.generations import StoredFile
from trellis_assets.domain.submissions import SubmissionKind, SubmissionOutcome
from trellis_assets.domain.tasks import TaskState
from trellis_assets.ports import StoreError, TaskAssigned
from trellis_assets.settings import Settings
from trellis_assets.steps.preview import PreviewStep
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
from trellis_assets_tests.faults.miner import BallGenerator, Miner

ONE, TWO = a_validator(1), a_validator(2)
MODEL = encode_spz(a_ball())


class Disk:
    """A folder on a disk that can be filled and freed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        """Not a byte is left."""
        piece = bytes(1 << 16)
        with (self.folder / "filler").open("ab", buffering=0) as filler:
            try:
                while filler.write(piece):
                    pass
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def free(self) -> None:
        (self.folder / "filler").unlink()


class PretendedDisk(Disk):
    """Says that it is full when a file is to be made durable."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder)
        self._monkeypatch, self._fsync = monkeypatch, os.fsync

    def fill(self) -> None:
        def refuse(_: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        self._monkeypatch.setattr(os, "fsync", refuse)

    def free(self) -> None:
        self._monkeypatch.setattr(os, "fsync", self._fsync)


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        yield PretendedDisk(folder, monkeypatch)
        return
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Waiting(FakeClock):
    """Something happens at the third rest."""

    def __init__(self, at_third_rest: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.at_third_rest = at_third_rest

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if len(self.slept) == 3:
            self.at_third_rest()


def files_of(disk: Disk) -> list[str]:
    return [path.suffix for path in (disk.folder / "files").rglob("*") if path.is_file()]


def miner_on(disk: Disk, store: SqlStore, clock: FakeClock) -> tuple[Miner, ScriptedNetwork]:
    """Return a miner with a task, whose disk is full once its model is made."""
    network = ScriptedNetwork([ONE])
    network.pulls[ONE.hotkey] = [TaskAssigned(a_pulled_task("task-1"))]
    network.answers = [an_answer(SubmissionOutcome.ACCEPTED)]
    miner = Miner(store, LocalFileStore(disk.folder / "files"), clock, network)
    miner.generator = BallGenerator(disk.fill)
    miner.pull()
    return miner, network


def test_a_file_that_does_not_fit_leaves_nothing_and_says_what_to_do(disk: Disk) -> None:
    files = LocalFileStore(disk.folder / "files")
    kept = files.write(1, "spz", MODEL)
    disk.fill()
    with pytest.raises(StoreError, match=r"No space left on device.*make room"):
        files.write(2, "spz", MODEL)
    assert files_of(disk) == [".spz"], "what was there, and no half file"
    assert files.read(kept) == MODEL
    disk.free()
    assert files.read(files.write(2, "spz", MODEL)) == MODEL


def test_a_model_is_kept_in_hand_until_there_is_room(disk: Disk, store: SqlStore) -> None:
    miner, network = miner_on(disk, store, Waiting(disk.free))
    miner.work()
    assert miner.only_task().state is TaskState.ACCEPTED
    assert isinstance(miner.generator, BallGenerator)
    assert (miner.generator.made, miner.failures) == (1, [])
    assert [kind for _, kind, _ in network.submitted] == [SubmissionKind.RESULT]


def test_a_disk_that_stays_full_fails_the_run_and_not_the_task(disk: Disk, store: SqlStore) -> None:
    miner, network = miner_on(disk, store, FakeClock())
    miner.work()
    (failure,) = miner.failures
    assert "make room" in str(failure)
    assert miner.only_task().state is TaskState.GENERATING
    assert files_of(disk) == []
    assert network.submitted == []
    disk.free()
    miner.generator = BallGenerator()
    miner.round()
    assert miner.only_task().state is TaskState.ACCEPTED
    assert len(network.submitted) == 1


def test_a_store_on_the_full_disk_comes_back_with_it(disk: Disk) -> None:
    """Store, models and journal on one disk, as they are: some of it fails, none of it is lost."""
    store = open_store(f"sqlite:///{disk.folder / 'trellis.db'}", busy_timeout_s=0.05)
    miner, network = miner_on(disk, store, FakeClock())
    miner.work()
    assert len(miner.failures) == 1
    assert isinstance(miner.failures[0], StoreError)
    disk.free()
    miner.generator = BallGenerator()
    miner.round()
    assert miner.only_task().state is TaskState.ACCEPTED
    assert len(network.submitted) == 1
    store.close()


class NoRoomForPly(LocalFileStore):
    """The disk is full after the model that is submitted."""

    def write(self, task_key: int, suffix: str, data: bytes) -> StoredFile:
        if suffix == "ply":
            raise StoreError("No space left on device")
        return super().write(task_key, suffix, data)


def test_a_task_does_not_fail_for_its_ply(tmp_path: Path, store: SqlStore, clock: FakeClock) -> None:
    network = ScriptedNetwork([ONE])
    network.pulls[ONE.hotkey] = [TaskAssigned(a_pulled_task("task-1"))]
    network.answers = [an_answer(SubmissionOutcome.ACCEPTED)]
    miner = Miner(store, NoRoomForPly(tmp_path), clock, network)
    miner.round()
    task = miner.only_task()
    assert task.state is TaskState.ACCEPTED
    assert task.generation is not None
    assert task.generation.ply is None


def test_a_picture_that_cannot_be_kept_is_shown_all_the_same(disk: Disk, store: SqlStore) -> None:
    network = ScriptedNetwork([ONE])
    network.pulls[ONE.hotkey] = [TaskAssigned(a_pulled_task("task-1"))]
    network.answers = [an_answer(SubmissionOutcome.ACCEPTED)]
    miner = Miner(store, LocalFileStore(disk.folder / "files"), FakeClock(), network)
    miner.round()
    disk.fill()
    assert PreviewStep(miner.files, lambda _: b"picture" * 1000).run(miner.only_task()) == b"picture" * 1000
    assert ".webp" not in files_of(disk)


def test_nothing_is_begun_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is a task pulled nor does one that waits use up its attempts."""
    network = ScriptedNetwork([ONE])
    network.pulls[ONE.hotkey] = [TaskAssigned(a_pulled_task("task-1"))]
    parts = ScriptedPipeline(Settings.load(data_dir=tmp_path), network)
    parts.store.arrivals.record(
        a_pulled_task("waits"), validator=TWO, miner_hotkey=MINER, now=parts.clock.now(), session_id=None
    )

    def tick() -> dg.SensorResult | dg.SkipReason:
        with dg.DagsterInstance.ephemeral() as instance:
            result = task_sensor(dg.build_sensor_context(instance=instance, resources=resources_of(parts)))
        assert isinstance(result, dg.SensorResult | dg.SkipReason)
        return result

    monkeypatch.setattr(diagnostics, "NO_BYTES", 1 << 62)
    skipped = tick()
    assert isinstance(skipped, dg.SkipReason)
    assert "make room" in str(skipped.skip_message)
    assert network.pulled == []
    monkeypatch.undo()
    begun = tick()
    assert isinstance(begun, dg.SensorResult)
    assert len(begun.run_requests or []) == 1, "the one that waited"
