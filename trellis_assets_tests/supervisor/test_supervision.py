"""A session's processes are replaced when they live and make no progress; what fails is told."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from trellis_assets.composition import Pipeline
from trellis_assets.domain.diagnostics import CheckResult, Health
from trellis_assets.domain.heartbeats import SILENT_AFTER_S, STARTS_WITHIN_S, TICK_WITHIN_S
from trellis_assets.settings import Settings
from trellis_assets.supervisor import periodic_checks, supervision
from trellis_assets.supervisor.own_server import OwnServer
from trellis_assets.supervisor.periodic_checks import PeriodicCheck, PeriodicChecks
from trellis_assets.supervisor.processes import ChildProcess
from trellis_assets.supervisor.stuck_processes import SERVER_STARTS_WITHIN_S
from trellis_assets.supervisor.supervision import WRITES_AGAIN_WITHIN_S, Supervision
from trellis_assets.system.heartbeat_files import (
    POLLER,
    RUN_WORKERS,
    SENSOR,
    heartbeat_folder,
    write_heartbeat,
)
from trellis_assets.testing.waiting import wait_until

NAMES = ("code_server", "daemon", "run_workers")


class Session:
    """Three processes that do nothing, and the heartbeats that the test writes for them."""

    def __init__(self, folder: Path, later: float) -> None:
        self.settings = Settings.load(data_dir=folder)
        self.said: list[str] = []
        command = [sys.executable, "-c", "import time; time.sleep(1000)"]
        self.children = {
            name: ChildProcess(name, command, os.environ, folder / f"{name}.log") for name in NAMES
        }
        for child in self.children.values():
            child.start()
            child.started_at -= later
        self.supervision = Supervision(Pipeline(self.settings), self.children, 9, self.said.append)

    def beats(self, part: str, of: str, **figures: Any) -> None:
        process = self.children[of].process
        assert process is not None
        write_heartbeat(heartbeat_folder(self.settings), part, {"beat_at": time.monotonic()} | figures)
        path = heartbeat_folder(self.settings) / f"{part}.json"
        path.write_text(path.read_text().replace(f'"pid": {os.getpid()}', f'"pid": {process.pid}'))

    def look(self) -> list[str]:
        """Return names of those that were replaced."""
        self.supervision._beat_at = 0.0
        self.supervision.run_once()
        return [line.split(" ")[0] for line in self.said]


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Callable[[float], Session]]:
    opened: list[Session] = []

    def start(later: float = 10.0) -> Session:
        opened.append(Session(tmp_path, later))
        opened[-1].supervision._answered_at = time.monotonic()
        return opened[-1]

    yield start
    for one in opened:
        for child in one.children.values():
            child.stop(1)


LONG = STARTS_WITHIN_S + TICK_WITHIN_S + SILENT_AFTER_S


def well(session: Session) -> None:
    session.beats(POLLER, "code_server", is_running=True, rounds=1, round_at=time.monotonic())
    session.beats(SENSOR, "code_server")
    session.beats(RUN_WORKERS, "run_workers")


def test_processes_that_make_progress_are_not_replaced(session: Callable[[float], Session]) -> None:
    at_work = session(LONG)
    well(at_work)
    assert at_work.look() == []
    young = session(5.0)
    assert young.look() == [], "they have only begun"


@pytest.mark.parametrize(
    ("part", "of", "figures", "replaced"),
    [
        (POLLER, "code_server", {"beat_at": -41, "is_running": True, "rounds": 1}, "code_server"),
        (POLLER, "code_server", {"is_running": True, "rounds": 1, "round_at": -60}, "code_server"),
        (SENSOR, "code_server", {"beat_at": -46}, "daemon"),
        (RUN_WORKERS, "run_workers", {"beat_at": -41}, "run_workers"),
    ],
)
def test_process_without_progress_is_killed_and_reported(
    session: Callable[[float], Session], part: str, of: str, figures: dict[str, Any], replaced: str
) -> None:
    stuck = session(LONG)
    well(stuck)
    now = time.monotonic()
    aged = {k: now + v if k.endswith("_at") else v for k, v in figures.items()}
    stuck.beats(part, of, **aged)
    assert stuck.look() == [replaced]
    killed = stuck.children[replaced].process
    assert killed is not None
    assert killed.returncode == -signal.SIGKILL
    assert all(child.is_alive() for name, child in stuck.children.items() if name != replaced)


def test_code_server_that_does_not_answer_is_replaced_and_not_the_daemon(
    session: Callable[[float], Session],
) -> None:
    mute = session(LONG)
    mute.supervision._answered_at = time.monotonic() - LONG
    mute.beats(RUN_WORKERS, "run_workers")
    assert mute.look() == ["code_server"]


def test_own_generation_server_that_does_not_answer_is_replaced(
    session: Callable[[float], Session],
) -> None:
    mute = session(LONG + SERVER_STARTS_WITHIN_S)
    well(mute)
    mute.children["server"] = mute.children.pop("daemon")
    mute.supervision.own_server = OwnServer(mute.settings)
    mute.supervision._served_at = time.monotonic()
    assert mute.look() == []
    mute.supervision._served_at -= SILENT_AFTER_S + 1
    assert mute.look() == ["server"]


def test_missing_heartbeats_replace_nothing_on_a_full_disk(
    session: Callable[[float], Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    full = session(LONG)
    monkeypatch.setattr(supervision, "write_heartbeat", lambda *_: False)
    assert full.look() == []
    monkeypatch.undo()
    assert full.look() == [], "there is room again, and the others get time to write"
    full.supervision._unwritable_at -= WRITES_AGAIN_WITHIN_S
    assert set(full.look()) == {"code_server", "daemon", "run_workers"} - {"daemon", "code_server"}


def test_check_that_hangs_is_reported_and_delays_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(periodic_checks, "TIMEOUT_S", 0.2)
    monkeypatch.setattr("trellis_assets.domain.outages.REPORT_AFTER_S", 0.1)
    let_go = threading.Event()

    def hang() -> Sequence[CheckResult]:
        let_go.wait()
        return []

    def break_down() -> Sequence[CheckResult]:
        raise ZeroDivisionError("SECRETKEY")

    down = [CheckResult("disk", Health.FAILED, "0.1 GB free", "make room")]
    checks = PeriodicChecks(
        [
            PeriodicCheck("slow", 0.05, hang),
            PeriodicCheck("disk", 0.05, lambda: down),
            PeriodicCheck("broken", 0.05, break_down),
        ]
    )
    checks.start()
    lines: list[str] = []

    def told() -> int:
        lines.extend(checks.take_messages())
        return len(lines)

    wait_until(lambda: told() >= 3)
    let_go.set()
    checks.stop()
    assert sorted(lines) == [
        "broken: the check failed: ZeroDivisionError -> see the logs in the data folder",
        "disk: 0.1 GB free -> make room",
        "slow: the check does not end -> see the logs in the data folder",
    ]
