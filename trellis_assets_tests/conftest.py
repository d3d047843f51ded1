"""Fixtures that several folders share: a real store and real files in a temporary folder."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from trellis_assets.adapters.splat_io.codec import BytesCodec
from trellis_assets.adapters.storage.files import LocalFileStore
from trellis_assets.adapters.storage.store import SqlTaskStore, open_store
from trellis_assets.settings import Settings
from trellis_assets_tests.fakes import FakeClock


@pytest.fixture(autouse=True)
def _settings_of_this_machine_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"TRELLIS_{name.upper()}", raising=False)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlTaskStore]:
    opened = open_store(f"sqlite:///{tmp_path / 'trellis.db'}")
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
    """The folder of real data."""
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
