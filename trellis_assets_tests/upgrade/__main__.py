"""Pack a data folder for the test of upgrades: the store, Dagster's home and the local subnet's state.

Made by an earlier version in a neutral folder, which stays in its databases:

    git archive COMMIT | tar x -C /tmp/trellis/src       # an environment with its libraries, in /tmp/trellis
    trellis-assets mine --tasks 4 && trellis-assets materialize      # with that version, in /tmp/trellis
    python -m trellis_assets_tests.upgrade /tmp/trellis/data trellis_assets_tests/upgrade/NAME.tar.xz

Models, logs, results and printed output of runs are left out: they are large, and nothing reads them again.
"""

import contextlib
import shutil
import sqlite3
import sys
import tarfile
import tempfile
from pathlib import Path

KEPT = (
    "trellis.db",
    "first_day",
    "dagster/dagster.yaml",
    "dagster/workspace.yaml",
    "dagster/storage",
    "subnet",
)


def pack(data: Path, archive: Path) -> None:
    """Write what is kept of `data` into the archive, with compacted databases."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "data"
        for name in KEPT:
            if (data / name).is_dir():
                shutil.copytree(data / name, copy / name)
            elif (data / name).exists():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(data / name, copy / name)
        for file in data.rglob("*.db"):
            if (kept := copy / file.relative_to(data)).exists():
                _compact(file, kept)
        for leftover in [*copy.rglob("*.db-wal"), *copy.rglob("*.db-shm"), *copy.rglob("*.lock")]:
            leftover.unlink()
        with tarfile.open(archive, "w:xz", preset=9) as tar:
            tar.add(copy, arcname="data", filter=_anonymous)


def _compact(file: Path, copy: Path) -> None:
    """Copy a database with what is still in its write-ahead log, in one file."""
    copy.unlink()
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("VACUUM INTO ?", (str(copy),))


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    pack(Path(sys.argv[1]), Path(sys.argv[2]))
