"""Fixtures that several folders share: a real store and real files in a temporary folder.

Tests of the store and of the steps run on SQLite and on PostgreSQL; with `--database=postgresql`
(or `TRELLIS_TEST_DATABASE=postgresql`) every test does.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from trellis_assets.adapters.file_storage.local import LocalFileStore
from trellis_assets.adapters.splat_io.codec import BytesCodec
from trellis_assets.adapters.storage.store import SqlStore, open_store
from trellis_assets.settings import FIELDS
from trellis_assets.testing.fakes import FakeClock
from trellis_assets.testing.postgres_server import PostgresServer

DATABASES = ("sqlite", "postgresql")
# What is tested on both databases by every `make test`; elsewhere the marker `both_databases` says so.
_ON_BOTH = ("adapters/storage", "steps")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=DATABASES,
        default=os.environ.get("TRELLIS_TEST_DATABASE", "sqlite"),
        help="the store's database, and Dagster's, in every test",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker
    folder = metafunc.definition.path.parent.as_posix()
    if marker("sqlite_only"):
        metafunc.parametrize("database", ["sqlite"], indirect=True)
    elif marker("postgresql_only") or metafunc.config.getoption("--database") == "postgresql":
        metafunc.parametrize("database", ["postgresql"], indirect=True)
    elif marker("both_databases") or folder.endswith(_ON_BOTH):
        metafunc.parametrize("database", DATABASES, indirect=True)


@pytest.fixture(autouse=True)
def _settings_of_this_machine_do_not_count(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in FIELDS:
        monkeypatch.delenv(f"TRELLIS_{name.upper()}", raising=False)
    is_marked = request.node.get_closest_marker("sqlite_only") is not None
    uses_a_folder = "tmp_path" in request.fixturenames
    if request.config.getoption("--database") == "postgresql" and uses_a_folder and not is_marked:
        monkeypatch.setenv("TRELLIS_DATABASE_URL", request.getfixturevalue("database_url"))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Started by the first test that wants it, one per test process."""
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """Return which database the test runs on."""
    return str(getattr(request, "param", request.config.getoption("--database")))


@pytest.fixture
def database_url(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Where an empty store is, or will be made."""
    if database == "sqlite":
        yield f"sqlite:///{tmp_path / 'trellis.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.migrated_database()
    yield url
    server.drop(url)


@pytest.fixture
def empty_database_url(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Where there is no table yet."""
    if database == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.empty_database()
    yield url
    server.drop(url)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(database_url: str) -> Iterator[SqlStore]:
    opened = open_store(database_url)
    yield opened
    opened.close()


@pytest.fixture
def files(tmp_path: Path) -> LocalFileStore:
    return LocalFileStore(tmp_path / "files")


@pytest.fixture
def codec() -> BytesCodec:
    return BytesCodec()


@pytest.fixture
def samples() -> Path:
    """Return the folder of real data."""
    folder = os.environ.get("TRELLIS_SAMPLES")
    if not folder:
        pytest.skip("TRELLIS_SAMPLES is not set: it names the folder of real prompts and models")
    return Path(folder)


@pytest.fixture
def serve() -> Iterator[Callable[[Any], str]]:
    """Starts an ASGI application on a free port of 127.0.0.1; gives its URL."""
    servers: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(app: Any) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        servers.append((server, thread))
        while not server.started:
            time.sleep(0.01)
        return f"http://127.0.0.1:{port}"

    yield start
    for server, thread in servers:
        server.should_exit = True
        thread.join(10)
