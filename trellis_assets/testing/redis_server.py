"""A real Redis server, for tests and benchmarks, on a free port of 127.0.0.1 or of another address."""

import shutil
import subprocess
import time
import unittest
from pathlib import Path

import redis

from trellis_assets.supervisor.process_tree import die_with_parent
from trellis_assets.system.tcp_ports import free_port

PASSWORD = "a-password-of-tests"  # noqa: S105 - of a server on loopback that ends with its test
_START_TIMEOUT_S = 60


class RedisServer:
    """Run Redis with a password and an append-only file, as an operator does, until `close`.

    Args:
        folder: for its data, which outlasts `kill`, and its log.
        host: the address to listen on.
        is_durable: sync each write to the disk; otherwise once a second.

    Raises:
        unittest.SkipTest: there is no `redis-server` on this machine; pytest skips the test.
    """

    def __init__(self, folder: Path, *, host: str = "127.0.0.1", is_durable: bool = False) -> None:
        binary = shutil.which("redis-server")
        if binary is None:
            raise unittest.SkipTest("there is no redis-server on this machine: apt-get install redis-server")
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
        """Start the server and wait until it answers; it ends with the calling thread."""
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
        """Return the URL of database 0, with the password."""
        return f"redis://:{PASSWORD}@{self.host}:{self.port}/0"

    @property
    def pid(self) -> int:
        """Return the process id of the server."""
        return self._process.pid

    def kill(self) -> None:
        """Kill the server by SIGKILL; `start` brings it back with what is on the disk."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Stop the server."""
        self._process.terminate()
        self._process.wait(10)
