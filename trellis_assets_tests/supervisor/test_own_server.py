"""`--start-server` takes no other program's server for its own."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trellis_assets.adapters.generation.embedded.backend import EmbeddedBackend
from trellis_assets.adapters.splat_io.codec import BytesCodec
from trellis_assets.cli.terminal.lines import LineOutput
from trellis_assets.servers.generation.app import generation_app
from trellis_assets.settings import Settings
from trellis_assets.supervisor.errors import MiningError
from trellis_assets.supervisor.own_server import OwnServer
from trellis_assets.supervisor.session import mine


def settings(folder: Path, url: str) -> Settings:
    return Settings.load(data_dir=folder, start_server=True, generator="http", generator_urls=(url,))


def test_port_in_use_is_reported_before_any_process_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(MiningError, match=f"port {port} is in use .* TRELLIS_GENERATOR_URLS=http"):
            mine(settings(tmp_path, f"http://127.0.0.1:{port}"), LineOutput(lambda _: None))
    assert not (tmp_path / "dagster").exists()


def test_only_the_server_that_we_started_counts_as_ready(tmp_path: Path, serve: Callable[[Any], str]) -> None:
    names = ("ours", "another", None)
    urls = [serve(generation_app(EmbeddedBackend(), BytesCodec(), instance=name)) for name in names]
    ready = [OwnServer(settings(tmp_path, url), instance="ours").is_ready() for url in urls]
    assert ready == [True, False, False]
    assert not OwnServer(settings(tmp_path, "http://127.0.0.1:9")).is_ready()
