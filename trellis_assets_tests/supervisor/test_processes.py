"""Children that are killed, and what the supervisor makes of it. Real processes; only the time is faked."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from trellis_assets.supervisor import processes
from trellis_assets.supervisor.errors import ChildError
from trellis_assets.supervisor.processes import (
    HEALTHY_S,
    RESTART_BACKOFF,
    START_TRIES,
    ChildProcess,
)

FOREVER = "import time; time.sleep(1000)"


@pytest.fixture
def child(tmp_path: Path) -> Iterator[ChildProcess]:
    made = ChildProcess("child", [sys.executable, "-c", FOREVER], os.environ, tmp_path / "child.log")
    yield made
    made.stop(1)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the supervisor's clock on."""
    moved = [time.monotonic()]
    monkeypatch.setattr(processes.time, "monotonic", lambda: moved[0])

    def later(seconds: float) -> None:
        moved[0] += seconds

    return later


def kill(child: ChildProcess) -> None:
    assert child.process is not None
    child.process.kill()
    child.process.wait()


def rest_before_restart(child: ChildProcess, later: Callable[[float], None]) -> int:
    """Return seconds that the supervisor lets pass before it starts the dead child."""
    for second in range(120):
        if child.restart_if_dead():
            return second
        later(1.0)
    raise AssertionError("it was not started again")


def test_back_off_between_restarts_grows_to_its_maximum(
    child: ChildProcess, now: Callable[[float], None]
) -> None:
    child.start()
    rests = []
    for _ in range(7):
        kill(child)
        rests.append(rest_before_restart(child, now))
    assert rests == [0, 1, 3, 7, 15, 20, 20]
    assert max(rests) == RESTART_BACKOFF.maximum.total_seconds()


def test_child_that_lived_for_a_minute_is_restarted_at_once(
    child: ChildProcess, now: Callable[[float], None]
) -> None:
    child.start()
    for _ in range(5):
        kill(child)
        rest_before_restart(child, now)
    now(HEALTHY_S)
    kill(child)
    assert rest_before_restart(child, now) == 0
    kill(child)
    assert rest_before_restart(child, now) == 1, "it counts from the beginning again"


def test_child_that_is_killed_before_it_is_ready_is_started_again(child: ChildProcess) -> None:
    killed: list[int] = []

    def is_ready() -> bool:
        assert child.process is not None
        if not killed:
            killed.append(child.process.pid)
            child.process.kill()
            child.process.wait()
        return child.process.pid not in killed

    child.is_ready = is_ready
    child.start()
    child.wait_ready(20)
    assert child.is_alive()


def test_child_that_is_killed_at_every_start_is_given_up(child: ChildProcess, tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    suicide = f"import os; open({str(starts)!r}, 'a').write('x'); os.kill(os.getpid(), {signal.SIGKILL})"
    child.command = [sys.executable, "-c", suicide]
    child.is_ready = lambda: False
    child.start()
    with pytest.raises(ChildError, match="ended while starting"):
        child.wait_ready(60)
    assert starts.read_text() == "x" * START_TRIES


def test_child_that_exits_while_starting_is_not_started_again(child: ChildProcess) -> None:
    child.command = [sys.executable, "-c", "raise SystemExit('no such option')"]
    child.is_ready = lambda: False
    child.start()
    with pytest.raises(ChildError, match="no such option"):
        child.wait_ready(60)


@pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted on Linux only")
def test_orphans_of_a_killed_child_end_with_the_supervisor(tmp_path: Path) -> None:
    grandchild = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {FOREVER!r}]); input()"
    supervisor = f"""
import subprocess, sys
from trellis_assets.supervisor.process_tree import become_subreaper, kill_descendants
import psutil
become_subreaper()
child = subprocess.Popen([sys.executable, "-c", {grandchild!r}], stdin=subprocess.PIPE)
while not psutil.Process(child.pid).children(): pass
orphan = psutil.Process(child.pid).children()[0]
child.kill()
child.wait()
print(orphan.pid, orphan.is_running(), orphan.ppid() == psutil.Process().pid)
kill_descendants()
"""
    done = subprocess.run(
        [sys.executable, "-c", supervisor], capture_output=True, text=True, timeout=60, check=True
    )
    pid, was_running, was_adopted = done.stdout.split()
    assert (was_running, was_adopted) == ("True", "True")
    assert not psutil.pid_exists(int(pid))
