"""One process at a time on a card, across processes."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from trellis_assets.adapters.gpu.card_lock import card_lock

HOLD = """
import sys
from trellis_assets.adapters.gpu.card_lock import card_lock
with card_lock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_another_process_on_the_same_card_is_waited_for(folder: Path) -> None:
    command = [sys.executable, "-c", HOLD, "cuda:fake"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        (file,) = folder.glob("trellis-assets-*.lock")
        with pytest.raises(Timeout):
            FileLock(file, timeout=0).acquire()
        with card_lock("cuda:another"):
            pass
        other.communicate("")
    with card_lock("cuda:fake"), card_lock("cuda:fake"):
        pass


def test_cpu_work_takes_no_card_lock(folder: Path) -> None:
    with card_lock("cpu"):
        assert not list(folder.iterdir())


def test_a_folder_that_cannot_be_used_stops_no_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "not there"))
    monkeypatch.setattr(FileLock, "acquire", refuse)
    done = []
    with card_lock("cuda:unlocked"):
        done.append(1)
    assert done
    assert "without a lock" in caplog.text


def refuse(_lock: FileLock) -> None:
    raise PermissionError(13, "no such right")
