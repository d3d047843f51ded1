"""A session of `mine` that a test starts, watches and harms."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from trellis_assets.adapters.storage.store import open_store
from trellis_assets.settings import Settings
from trellis_assets.system.heartbeat_files import SESSION, heartbeat_folder, read_heartbeat
from trellis_assets.testing.clean_environment import clean_environment
from trellis_assets.testing.waiting import wait_until
from trellis_assets_tests.end_to_end.cluster import kill


class MineSession:
    """The miner of a data folder, and what it says."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        self.folder, self.settings = folder, Settings.load(data_dir=folder)
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "said.log"
        command = [sys.executable, "-m", "trellis_assets.cli", "mine", "--data-dir", str(folder), *options]
        everything = clean_environment() | environment
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=log, cwd=folder, env=everything
            )

    def said(self) -> str:
        """Everything on its terminal."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, text: str, timeout_s: float = 90) -> None:
        """Return once it has said the text."""
        wait_until(lambda: text in self.said() or self.process.poll() is not None, text, timeout_s)
        assert text in self.said(), self.said()[-3000:]

    def accepted(self) -> int:
        """Return how many tasks were accepted."""
        store = open_store(self.settings.storage.store_url)
        try:
            return store.statistics.count_by_state().get("accepted", 0)  # type: ignore[call-overload,no-any-return]
        finally:
            store.close()

    def wait_accepted(self, least: int, timeout_s: float = 120) -> None:
        """Return once so many tasks have ended well."""
        wait_until(lambda: self.accepted() >= least, f"{least} accepted", timeout_s)

    def child(self, name: str) -> psutil.Process:
        """Return the process of that part."""
        told = read_heartbeat(heartbeat_folder(self.settings), SESSION)
        return psutil.Process(told["children"][name])


@contextmanager
def mining(folder: Path, *options: str, **environment: str) -> Iterator[MineSession]:
    """Yield a session that mines until the block ends."""
    session = MineSession(folder, *options, **environment)
    try:
        yield session
    finally:
        kill(session.process)  # type: ignore[arg-type]
