"""Proxies of the environment: loopback goes past them in gRPC and httpx, and they are told."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from trellis_assets.composition import Pipeline
from trellis_assets.diagnostics.machine_checks import CheckContext
from trellis_assets.diagnostics.proxy_checks import check_proxies
from trellis_assets.domain.diagnostics import Health
from trellis_assets.settings import Settings
from trellis_assets.system.proxies import (
    bypass_proxies_for_loopback,
    loopback_exceptions,
    proxies_in,
    proxy_for,
)
from trellis_assets.testing.dead_proxy import dead_proxy

ALL = "localhost,127.0.0.1,::1"
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy", "no_proxy", "no_grpc_proxy")


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        ({}, {}),
        ({"no_proxy": "db"}, {}),
        ({"http_proxy": "http://p:1"}, {"no_proxy": ALL, "NO_PROXY": ALL}),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "db"}, {"no_proxy": f"db,{ALL}", "NO_PROXY": f"db,{ALL}"}),
        (
            {"grpc_proxy": "p:1", "no_grpc_proxy": "db,127.0.0.1"},
            {"no_proxy": ALL, "NO_PROXY": ALL, "no_grpc_proxy": "db,127.0.0.1,localhost,::1"},
        ),
    ],
)
def test_loopback_is_added_to_the_exceptions_of_a_proxy(
    given: Mapping[str, str], changes: Mapping[str, str]
) -> None:
    assert loopback_exceptions(given) == changes


def test_proxy_is_shown_without_its_password() -> None:
    assert proxies_in({"HTTP_PROXY": "http://me:SECRETKEY@proxy:3128/"}) == {"HTTP_PROXY": "proxy:3128"}


def test_call_that_uses_a_proxy_is_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://me:SECRETKEY@proxy:3128")
    assert proxy_for("http://gpu.example:8096/health/") == "proxy:3128"
    assert proxy_for("http://127.0.0.1:8096/") == "proxy:3128"
    bypass_proxies_for_loopback()
    assert proxy_for("http://127.0.0.1:8096/") is None
    assert proxy_for("http://gpu.example:8096") == "proxy:3128", "others still go by it"
    assert proxy_for("https://gpu.example") is None


def test_doctor_names_the_proxy_and_the_hosts_that_use_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://me:SECRETKEY@proxy:3128")
    bypass_proxies_for_loopback()
    urls = ("http://127.0.0.1:1", "http://gpu.example:8096")
    settings = Settings.load(data_dir=tmp_path, generator="http", generator_urls=urls)
    (found,) = check_proxies(CheckContext(Pipeline(settings), reads_key=False))
    assert found.health is Health.WARNING
    assert "http_proxy=proxy:3128" in found.text
    assert "gpu.example" in found.text
    assert "no_proxy" in found.advice
    assert "SECRETKEY" not in str(found)
    embedded = Pipeline(Settings.load(data_dir=tmp_path))
    (found,) = check_proxies(CheckContext(embedded, reads_key=False))
    assert found.health is Health.OK


@pytest.mark.slow
def test_dead_proxy_stops_neither_grpc_nor_httpx_on_loopback() -> None:
    """Both as in our processes: the libraries read the variables when they connect."""
    script = """
import concurrent.futures, http.server, threading, grpc, httpx
server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
grpc.channel_ready_future(grpc.insecure_channel(f"127.0.0.1:{port}")).result(5)
pages = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
threading.Thread(target=pages.serve_forever, daemon=True).start()
assert httpx.get(f"http://127.0.0.1:{pages.server_port}/", timeout=5).status_code == 200
"""
    with dead_proxy() as proxy:
        inherited = {**os.environ, "http_proxy": proxy.url, "https_proxy": proxy.url, "HTTP_PROXY": proxy.url}
        refused = subprocess.run([sys.executable, "-c", script], env=inherited, check=False, timeout=60)
        assert refused.returncode != 0, "or this test shows nothing"
        assert proxy.asked
        asked = proxy.asked
        direct = inherited | loopback_exceptions(inherited)
        subprocess.run([sys.executable, "-c", script], env=direct, check=True, timeout=60)
        assert proxy.asked == asked
