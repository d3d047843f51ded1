"""The lock by which one miner keeps others out of its data folder."""

import errno
import fcntl
from pathlib import Path

import pytest

from trellis_assets.supervisor.errors import MiningError
from trellis_assets.supervisor.instance_lock import single_instance_lock


def test_a_folder_without_file_locks_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with (
        pytest.raises(MiningError, match=r"no file locks.*Set TRELLIS_DATA_DIR"),
        single_instance_lock(tmp_path),
    ):
        pass
