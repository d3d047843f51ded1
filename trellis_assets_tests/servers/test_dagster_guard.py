"""Dagster's real pages behind their guard, attacked: nothing of it starts, stops or changes anything."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import uvicorn
from dagster import DagsterInstance
from starlette.responses import Response
from starlette.types import ASGIApp
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from trellis_assets.orchestration.webserver import dagster_app
from trellis_assets.servers.dagster_guard import DownloadLimit, guarded_dagster, is_plain_path
from trellis_assets.servers.hosts import ExposureError
from trellis_assets.servers.serving import configured
from trellis_assets.system.tcp_ports import free_port

TOKEN = "a-token-of-many-characters"
MUTATION = 'mutation { setConcurrencyLimit(concurrencyKey: "hacked", limit: 7) }'
QUERY = "{ version }"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("dagster")
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    (folder / "workspace.yaml").write_text("load_from: []\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(folder))
        yield folder


@contextmanager
def listening(app: ASGIApp) -> Iterator[str]:
    port = free_port()
    server = uvicorn.Server(configured(app, host="127.0.0.1", port=port, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="module")
def pages(home: Path) -> Iterator[dict[str, str]]:
    """Yield addresses of the pages alone, on loopback, and as other machines reach them."""
    with ExitStack() as stack:
        app = stack.enter_context(dagster_app(home / "workspace.yaml"))
        yield {
            "bare": stack.enter_context(listening(app)),
            "loopback": stack.enter_context(listening(guarded_dagster(app, host="127.0.0.1", token=None))),
            "exposed": stack.enter_context(listening(guarded_dagster(app, host="0.0.0.0", token=TOKEN))),
        }


def limit_that_was_set() -> int | None:
    """Return what the mutation changes, and undo it afterwards."""
    with DagsterInstance.get() as instance:
        storage = instance.event_log_storage
        found = "hacked" in storage.get_concurrency_keys()
        if found:
            storage.delete_concurrency_limit("hacked")
        return 7 if found else None


def send(address: str, request: bytes) -> bytes:
    """Return the answer to exactly these bytes."""
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as peer:
        peer.sendall(request)
        peer.shutdown(socket.SHUT_WR)
        data = b""
        while piece := peer.recv(65536):
            data += piece
    return data


JSON_BODY = json.dumps({"query": MUTATION}).encode()
MUTATION_IN_ADDRESS = quote(MUTATION, safe="")


def post(body: bytes, *headers: str, path: str = "/graphql") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Connection: close", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Connection: close", *headers, "", ""]).encode()


OWN, JSON = "Host: {own}", "Content-Type: application/json"
MUTATING_GET = f"/graphql?query={MUTATION_IN_ADDRESS}"
ATTACKS: dict[str, bytes] = {
    "a mutation by GET, as a redirected poll sends it": get(MUTATING_GET, OWN, "Accept: */*"),
    "a mutation by GET with a foreign origin": get(MUTATING_GET, OWN, "Origin: http://evil.example"),
    "a mutation by GET with a foreign host": get(MUTATING_GET, "Host: evil.example"),
    "a mutation by GET under a path that ends in a newline": get(
        f"/graphql%0A?query={MUTATION_IN_ADDRESS}", OWN
    ),
    "a mutation by GET under an encoded path": get(f"/%67raphql?query={MUTATION_IN_ADDRESS}", OWN),
    "a mutation by GET under a path with a slash more": get(f"//graphql?query={MUTATION_IN_ADDRESS}", OWN),
    "a mutation by GET with the whole address": get(f"http://evil.example{MUTATING_GET}", OWN),
    "a mutation by GET with a body": get(MUTATING_GET, OWN, JSON, "Content-Length: 0"),
    "a form of another site": post(
        JSON_BODY,
        OWN,
        "Origin: http://evil.example",
        "Content-Type: text/plain",
        "Sec-Fetch-Site: cross-site",
    ),
    "a form of another site that names JSON too": post(
        JSON_BODY, OWN, "Content-Type: text/plain; x=application/json"
    ),
    "a form with the mutation in the address": post(
        b"a=b", OWN, "Content-Type: application/x-www-form-urlencoded", path=MUTATING_GET
    ),
    "a GraphQL document": post(MUTATION.encode(), OWN, "Content-Type: application/graphql"),
    "JSON of another origin": post(JSON_BODY, OWN, JSON, "Origin: http://evil.example"),
    "JSON of another port": post(JSON_BODY, OWN, JSON, "Origin: http://127.0.0.1:1"),
    "JSON of no origin": post(JSON_BODY, OWN, JSON, "Origin: null"),
    "JSON that the browser calls cross-site": post(JSON_BODY, OWN, JSON, "Sec-Fetch-Site: cross-site"),
    "JSON that the browser calls same-site": post(JSON_BODY, OWN, JSON, "Sec-Fetch-Site: same-site"),
    "a name that was rebound to this machine": post(
        JSON_BODY, "Host: evil.example", JSON, "Origin: http://evil.example", "Sec-Fetch-Site: same-origin"
    ),
    "an IPv6 address with a name behind it": post(
        JSON_BODY, "Host: [::1]evil.example", JSON, "Origin: http://[::1]evil.example"
    ),
    "two hosts": post(JSON_BODY, OWN, "Host: evil.example", JSON),
    "a method of its own": post(JSON_BODY, OWN, JSON).replace(b"POST", b"PUT", 1),
    "a method that is overridden": get(MUTATING_GET, OWN, "X-HTTP-Method-Override: POST"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_on_the_pages_changes_nothing(pages: dict[str, str], name: str) -> None:
    address = pages["loopback"]
    answer = send(address, ATTACKS[name].replace(b"{own}", address.encode()))
    assert answer.startswith(b"HTTP/1.1 4"), answer[:300]
    assert limit_that_was_set() is None


@pytest.mark.parametrize("name", ["a mutation by GET with a foreign origin", "a form of another site"])
def test_the_webserver_alone_would_not_refuse_all_of_them(pages: dict[str, str], name: str) -> None:
    address = pages["bare"]
    send(address, ATTACKS[name].replace(b"{own}", address.encode()))
    by_get = name.startswith("a mutation")
    assert (limit_that_was_set() == 7) is by_get, "where it refuses itself now, the guard may be simpler"


def test_what_the_pages_themselves_send_passes(pages: dict[str, str]) -> None:
    address = pages["loopback"]
    own = {"origin": f"http://{address}", "sec-fetch-site": "same-origin"}
    with httpx.Client(base_url=f"http://{address}", timeout=30) as browser:
        shown = browser.get("/runs", headers={"accept": "text/html"})
        assert shown.status_code == 200
        assert "frame-ancestors 'none'" in shown.headers["content-security-policy"]
        assert "script-src" in shown.headers["content-security-policy"], "the pages' own policy holds too"
        assert shown.headers["x-frame-options"] == "DENY"
        assert shown.headers["x-content-type-options"] == "nosniff"
        assert shown.headers["referrer-policy"] == "same-origin"
        asked = browser.post("/graphql", json={"query": QUERY}, headers=own)
        assert asked.json()["data"]["version"]
        assert browser.post("/graphql", json={"query": MUTATION}, headers=own).status_code == 200
        assert limit_that_was_set() == 7
        assert browser.get("/graphql", headers={"accept": "text/html"}).status_code == 200


def test_a_link_of_another_site_leads_to_a_page_and_a_frame_or_script_does_not(
    pages: dict[str, str],
) -> None:
    url = f"http://{pages['loopback']}/runs"
    site = {"sec-fetch-site": "cross-site", "accept": "text/html"}
    link = site | {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert httpx.get(url, headers=link).status_code == 200
    for mode, dest in (
        ("navigate", "iframe"),
        ("no-cors", "script"),
        ("cors", "empty"),
        ("navigate", "object"),
    ):
        headers = site | {"sec-fetch-mode": mode, "sec-fetch-dest": dest}
        assert httpx.get(url, headers=headers).status_code == 403


def subscribe(address: str, **headers: str) -> Any:
    """Return the answer to the protocol's first message."""
    with connect(
        f"ws://{address}/graphql", subprotocols=["graphql-ws"], additional_headers=headers, proxy=None
    ) as opened:
        opened.send(json.dumps({"type": "connection_init"}))
        return json.loads(opened.recv(20))


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_websocket_of_another_origin_is_refused(pages: dict[str, str], headers: dict[str, str]) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        subscribe(pages["loopback"], **headers)


def test_a_websocket_to_a_rebound_name_is_refused(pages: dict[str, str]) -> None:
    address = pages["loopback"]
    handshake = get(
        "/graphql",
        "Host: evil.example",
        "Origin: http://evil.example",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ).replace(b"Connection: close\r\n", b"")
    assert send(address, handshake).startswith(b"HTTP/1.1 403")


def test_the_pages_own_websocket_is_taken(pages: dict[str, str]) -> None:
    address = pages["loopback"]
    own = {"Origin": f"http://{address}", "Sec-Fetch-Site": "same-origin"}
    assert subscribe(address, **own) == {"type": "connection_ack"}


@pytest.mark.parametrize(
    "path",
    [
        "/logs/../../dagster.yaml",
        "/logs/%2e%2e/%2e%2e/dagster.yaml",
        "/logs/..%2f..%2fdagster.yaml",
        "/logs/%252e%252e/dagster.yaml",
        "/logs/a/..%5c..%5cdagster.yaml",
        "/logs//etc/passwd",
        "/logs/%00",
        "/download_debug/%0a",
        "/notebook?path=/etc/x.ipynb&repoLocName=x",
        "/notebook/",
        "/dagit/notebook?path=x.ipynb&repoLocName=x",
    ],
)
def test_a_path_leads_to_no_file_that_is_none_of_the_pages(pages: dict[str, str], path: str) -> None:
    address = pages["loopback"]
    answer = send(address, get(path, f"Host: {address}", "Accept: text/html"))
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 404")), answer[:200]
    assert b"telemetry" not in answer


@pytest.mark.parametrize("path", ["/runs", "/assets/a/b", "/locations/x@y/jobs/a%20b", "/"])
def test_paths_of_the_pages_are_plain(path: str) -> None:
    assert is_plain_path(path)


def test_a_query_beyond_the_limits_is_refused(pages: dict[str, str]) -> None:
    answer = httpx.post(f"http://{pages['loopback']}/graphql", json={"query": "x" * 5_000_000}, timeout=30)
    assert answer.status_code == 413


def test_pages_for_other_machines_ask_for_the_token(pages: dict[str, str]) -> None:
    address = pages["exposed"]
    with httpx.Client(base_url=f"http://{address}", timeout=30) as browser:
        for path in ("/", "/runs", "/health", "/server_info", "/graphql", "/logs/x", "/vendor/x"):
            answer = browser.get(path, headers={"accept": "text/html"})
            assert answer.status_code == 401, path
            assert "<form" in answer.text
        assert browser.post("/graphql", json={"query": MUTATION}).status_code == 401
        assert limit_that_was_set() is None
        with pytest.raises(InvalidStatus, match="403"):
            subscribe(address)
        cross = {"origin": "http://evil.example"}
        assert browser.post("/enter", data={"token": TOKEN}, headers=cross).status_code == 403
        entered = browser.post("/enter", data={"token": TOKEN, "next": "/runs/1"})
        assert (entered.status_code, entered.headers["location"]) == (303, "/runs/1")
        assert browser.post("/graphql", json={"query": QUERY}).json()["data"]["version"]
        cookie = f"trellis_dagster={browser.cookies['trellis_dagster']}"
        assert subscribe(address, Cookie=cookie) == {"type": "connection_ack"}
        refused = browser.post("/graphql", json={"query": MUTATION}, headers=cross)
        assert refused.status_code == 403, "the cookie alone does not make a page ours"


def test_guessing_the_token_makes_one_wait(home: Path) -> None:
    with (
        dagster_app(home / "workspace.yaml") as app,
        listening(guarded_dagster(app, host="0.0.0.0", token=TOKEN)) as address,
    ):
        url = f"http://{address}/enter"
        answers = [httpx.post(url, data={"token": f"guess {n}"}).status_code for n in range(8)]
        assert answers == [401] * 6 + [429] * 2
        assert httpx.post(url, data={"token": TOKEN}).status_code == 429


@pytest.mark.parametrize("token", [None, "short"])
def test_pages_for_other_machines_do_not_start_without_a_good_token(token: str | None) -> None:
    with pytest.raises(ExposureError, match="TRELLIS_WEBSERVER_TOKEN"):
        guarded_dagster(Response("x"), host="0.0.0.0", token=token)


def test_downloads_are_bounded_in_number_and_bytes() -> None:
    began, release = threading.Event(), threading.Event()

    async def download(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/logs/slow":
            began.set()
            await asyncio.to_thread(release.wait, 30)
        await Response(b"x" * (2000 if scope["path"] == "/logs/large" else 10))(scope, receive, send)

    with listening(DownloadLimit(download, at_a_time=1, max_bytes=1000)) as address:
        url = f"http://{address}"
        assert httpx.get(f"{url}/logs/large").status_code == 413
        assert httpx.get(f"{url}/logs/small").status_code == 200
        waiting = threading.Thread(target=httpx.get, args=(f"{url}/logs/slow",))
        waiting.start()
        assert began.wait(60)
        assert httpx.get(f"{url}/download_debug/x").status_code == 503
        assert httpx.get(f"{url}/runs").status_code == 200
        release.set()
        waiting.join()
