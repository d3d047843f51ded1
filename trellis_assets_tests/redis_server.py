"""A real Redis server for tests, on a free port of 127.0.0.1 or of another address."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest
import redis

from trellis_assets.supervisor.processes import die_with_parent, free_port

PASSWORD = "a-password-of-tests"
_START_TIMEOUT_S = 60


class RedisServer:
    """A server with a password, append-only as an operator's: its data outlasts it, in its folder.

    Args:
        folder: its own, for its data and its log.
        host: that it listens on.
        is_durable: what it has answered to is on the disk; else the last second or two may be lost.
    """

    def __init__(self, folder: Path, *, host: str = "127.0.0.1", is_durable: bool = False) -> None:
        binary = shutil.which("redis-server")
        if binary is None:
            pytest.skip("there is no redis-server on this machine: apt-get install redis-server")
        self.host, self.port = host, free_port()
        options = {
            "port": str(self.port),
            "bind": host,
            "requirepass": PASSWORD,
            "save": "",
            "appendonly": "yes",
            "appendfsync": "always" if is_durable else "everysec",
            "dir": str(folder),
        }
        self._command = [binary, *(part for name, value in options.items() for part in (f"--{name}", value))]
        self._log = folder / "redis.log"
        folder.mkdir(parents=True, exist_ok=True)
        self.start()

    def start(self) -> None:
        """It answers, until the calling thread ends."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl call
            )
        client = redis.Redis(self.host, self.port, password=PASSWORD)
        deadline = time.monotonic() + _START_TIMEOUT_S
        while True:
            try:
                client.ping()
            except redis.ConnectionError:  # also while it reads its data
                assert time.monotonic() < deadline, self._log.read_text()
                time.sleep(0.05)
            else:
                client.close()
                return

    @property
    def url(self) -> str:
        return f"redis://:{PASSWORD}@{self.host}:{self.port}/0"

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """It is gone in the midst of what it did; `start` brings it back with what is on the disk."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)
