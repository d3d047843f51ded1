"""A real Redis server for tests, on a free port of 127.0.0.1 or of another address."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest
import redis

from trellis_assets.mining.processes import die_with_parent, free_port

PASSWORD = "a-password-of-tests"


class RedisServer:
    """A server with a password, whose data goes with it."""

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        binary = shutil.which("redis-server")
        if binary is None:
            pytest.skip("there is no redis-server on this machine: apt-get install redis-server")
        self.host, self.port = host, free_port()
        options = {
            "port": str(self.port),
            "bind": host,
            "requirepass": PASSWORD,
            "save": "",
            "dir": str(folder),
        }
        command = [binary, *(part for name, value in options.items() for part in (f"--{name}", value))]
        with (folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl call
            )
        client = redis.Redis(host, self.port, password=PASSWORD)
        deadline = time.monotonic() + 20
        while True:
            try:
                client.ping()
            except redis.ConnectionError:
                assert time.monotonic() < deadline, (folder / "redis.log").read_text()
                time.sleep(0.05)
            else:
                return

    @property
    def url(self) -> str:
        return f"redis://:{PASSWORD}@{self.host}:{self.port}/0"

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)
