"""Limits on connections, over real sockets."""

import asyncio
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket
from websockets.exceptions import InvalidHandshake, InvalidMessage
from websockets.sync.client import connect

from trellis_assets.servers.connections import ConnectionLimits
from trellis_assets.servers.middleware import guarded
from trellis_assets.servers.serving import configured
from trellis_assets.system.tcp_ports import free_port

TOKEN = "a-token-of-many-characters"
QUICK = ConnectionLimits(header_s=3, body_s=2, body_rate=100_000, send_s=2)
LARGE = 32 * 1024 * 1024


working, may_end = threading.Event(), threading.Event()


async def slow(request: Request) -> Response:
    """Work until the test lets it end."""
    await request.body()
    working.set()
    await asyncio.to_thread(may_end.wait, 60)
    return PlainTextResponse("done")


async def body(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


def large(_: Request) -> Response:
    return Response(b"x" * LARGE)


def health(_: Request) -> Response:
    return PlainTextResponse("healthy")


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


APP = Starlette(
    routes=[
        Route("/health", health),
        Route("/slow", slow, methods=["POST"]),
        Route("/body", body, methods=["POST"]),
        Route("/large", large),
        WebSocketRoute("/echo", echo),
    ]
)


@contextmanager
def running(app: ASGIApp, limits: ConnectionLimits) -> Iterator[int]:
    port = free_port()
    server = uvicorn.Server(configured(app, host="127.0.0.1", port=port, log_level="critical", limits=limits))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def serving() -> Iterator[Callable[..., int]]:
    with ExitStack() as stack:
        yield lambda app=APP, limits=QUICK: stack.enter_context(running(app, limits))


def is_closed_within(peer: socket.socket, seconds: float) -> bool:
    """Return whether the server ends the connection in time."""
    peer.settimeout(seconds)
    try:
        while peer.recv(65536):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


def is_healthy(port: int) -> bool:
    return httpx.get(f"http://127.0.0.1:{port}/health", timeout=10).status_code == 200


def drip(peer: socket.socket, piece: bytes, stop: threading.Event) -> None:
    while not stop.wait(0.1):
        try:
            peer.sendall(piece)
        except OSError:
            return


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"", b""),
        (b"GET /health HTTP/1.1\r\n", b"x-a: b\r\n"),
        (b"POST /body HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n", b"x"),
        (b"POST /body HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
    ids=["says nothing", "drips headers", "drips a body", "drips chunks"],
)
def test_a_connection_that_drips_is_closed(serving: Callable[..., int], start: bytes, piece: bytes) -> None:
    port, stop = serving(), threading.Event()
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.sendall(start)
        dripping = threading.Thread(target=drip, args=(peer, piece, stop), daemon=True)
        if piece:
            dripping.start()
        assert is_closed_within(peer, 15)
        stop.set()
    assert is_healthy(port)


def test_a_body_that_arrives_at_a_fair_pace_is_taken(serving: Callable[..., int]) -> None:
    port = serving(APP, replace(QUICK, body_s=8, body_rate=20_000))

    def pieces() -> Iterator[bytes]:
        for _ in range(10):
            time.sleep(0.3)
            yield b"x" * 50_000

    answer = httpx.post(f"http://127.0.0.1:{port}/body", content=pieces(), timeout=30)
    assert answer.text == "500000"


def test_a_peer_that_does_not_read_a_large_answer_is_cut_off(serving: Callable[..., int]) -> None:
    port = serving()
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.sendall(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n")
        time.sleep(6)
        got = 0
        peer.settimeout(10)
        try:
            while data := peer.recv(1 << 20):
                got += len(data)
        except ConnectionError:
            pass
        assert got < LARGE
    assert is_healthy(port)
    assert len(httpx.get(f"http://127.0.0.1:{port}/large", timeout=30).content) == LARGE


def test_idle_connections_shut_nobody_out(serving: Callable[..., int]) -> None:
    port = serving(APP, replace(QUICK, header_s=60, total=20))
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        started = time.monotonic()
        assert is_healthy(port)
        assert time.monotonic() - started < 30, "before the time for headers is over"


def test_work_in_hand_is_not_broken_off_for_new_connections(serving: Callable[..., int]) -> None:
    port = serving(APP, replace(QUICK, header_s=60, total=10))
    answers: list[int] = []

    def work() -> None:
        answers.append(httpx.post(f"http://127.0.0.1:{port}/slow", content=b"x", timeout=30).status_code)

    working.clear()
    may_end.clear()
    with ExitStack() as stack:
        caller = threading.Thread(target=work)
        caller.start()
        assert working.wait(60)
        for _ in range(40):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        may_end.set()
        caller.join()
    assert answers == [200]


def test_a_websocket_lives_on_and_its_place_is_free_afterwards(serving: Callable[..., int]) -> None:
    port = serving(APP, replace(QUICK, total=4))
    for _ in range(3):
        with connect(f"ws://127.0.0.1:{port}/echo") as first, connect(f"ws://127.0.0.1:{port}/echo"):
            time.sleep(1.5)
            first.send("still here")
            assert first.recv(5) == "still here"
            with pytest.raises((InvalidHandshake, InvalidMessage)), connect(f"ws://127.0.0.1:{port}/echo"):
                pass
        time.sleep(0.2)


def test_whoever_has_no_token_takes_no_place_in_the_queue(serving: Callable[..., int]) -> None:
    app = guarded(APP, max_body=100_000, host="0.0.0.0", token=TOKEN, max_requests=1)
    port = serving(app, replace(QUICK, header_s=60, body_s=60))
    url, headers = f"http://127.0.0.1:{port}", {"authorization": f"Bearer {TOKEN}"}
    with ExitStack() as stack:
        for _ in range(32):
            peer = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            peer.sendall(b"POST /body HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n")
        answer = httpx.post(f"{url}/body", content=b"xyz", headers=headers, timeout=10)
        assert (answer.status_code, answer.text) == (200, "3")
    working.clear()
    may_end.clear()
    caller = threading.Thread(
        target=lambda: httpx.post(f"{url}/slow", content=b"x", headers=headers, timeout=60)
    )
    caller.start()
    assert working.wait(60)
    refused = httpx.post(f"{url}/body", content=b"xyz", headers=headers, timeout=10)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert is_healthy(port), "health has no body and waits for no place"
    may_end.set()
    caller.join()


def test_headers_are_bounded(serving: Callable[..., int]) -> None:
    port = serving()
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.sendall(b"GET /health HTTP/1.1\r\nhost: a\r\nx: ")
        with pytest.raises(ConnectionError):
            peer.sendall(b"y" * 100_000_000)
    assert is_healthy(port)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["server", "validator-server", "gallery"])
def test_300_idle_connections_do_not_shut_a_server_with_256_files(command: str, tmp_path: Path) -> None:
    port = free_port()
    arguments = [sys.executable, "-m", "trellis_assets.cli", command, "--port", str(port)]
    path = "/health/" if command == "server" else "/health"
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            ["/bin/bash", "-c", 'ulimit -n 256; exec "$@"', "bash", *arguments],
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TRELLIS_DATA_DIR": str(tmp_path)},
            cwd=tmp_path,
            stdout=log,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + 90
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5)
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline, (tmp_path / "log").read_text()
                time.sleep(0.2)
        with ExitStack() as stack:
            for _ in range(300):
                stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            answer = httpx.get(f"http://127.0.0.1:{port}{path}", timeout=8)
            assert answer.status_code < 500
        assert "Too many open files" not in (tmp_path / "log").read_text()
    finally:
        process.terminate()
        process.wait(30)
