"""Calls to validators: addresses, many at once, and the memory that they share."""

import asyncio
import socket
import threading

import pytest

from trellis_assets.adapters.bittensor import response_memory
from trellis_assets.adapters.bittensor.messages import CallFailure, HttpAnswer, HttpRequest
from trellis_assets.adapters.bittensor.response_memory import AnswerMemory
from trellis_assets.adapters.bittensor.transport import ValidatorTransport
from trellis_assets.adapters.http_client.response import ResponseBounds, ResponseReader
from trellis_assets.testing.hostile_peer import JSON, answers, hostile_peer

REQUEST = HttpRequest("/PullTask", {"name": "PullTask"}, b"{}", ResponseBounds(body=1 << 20))
LARGE = response_memory.SMALL_BYTES + 1


async def post(ip: str, port: int, request: HttpRequest = REQUEST) -> HttpAnswer | CallFailure:
    return await ValidatorTransport().post(ip, port, request, timeout_s=10)


def test_an_ipv6_address_is_called_and_named_in_brackets() -> None:
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    seen: list[bytes] = []

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            seen.append(connection.recv(10_000))
            connection.sendall(JSON + b"Content-Length: 2\r\n\r\n{}")

    with server:
        thread = threading.Thread(target=serve)
        thread.start()
        port = server.getsockname()[1]
        answer = asyncio.run(post("::1", port))
        thread.join()
    assert isinstance(answer, HttpAnswer)
    assert f"\r\nHost: [::1]:{port}\r\n".encode() in seen[0]


@pytest.mark.parametrize("ip", ["localhost", "evil.example", "", "fe80::1%lo", "127.0.0.1\r\nX: y", "1.2.3"])
def test_what_is_not_an_address_is_neither_looked_up_nor_called(ip: str) -> None:
    answer = asyncio.run(post(ip, 80))
    assert isinstance(answer, CallFailure)
    assert answer.never_sent


def test_a_header_that_would_end_the_request_is_not_sent() -> None:
    request = HttpRequest("/PullTask", {"name": "a\r\nX: y"}, b"{}", ResponseBounds(body=10))
    with hostile_peer(answers(b"{}")) as peer:
        answer = asyncio.run(post("127.0.0.1", peer.port, request))
        assert isinstance(answer, CallFailure)
        assert answer.never_sent
        assert peer.requests == []


def test_a_whole_subnet_is_called_at_once() -> None:
    with hostile_peer(answers(b"{}")) as peer:
        transport = ValidatorTransport()

        async def all_at_once() -> list[HttpAnswer | CallFailure]:
            calls = [transport.post("127.0.0.1", peer.port, REQUEST, timeout_s=60) for _ in range(256)]
            return await asyncio.gather(*calls)

        found = asyncio.run(all_at_once())
    assert all(isinstance(answer, HttpAnswer) for answer in found), found[:3]


def test_the_oldest_large_answer_gives_way_when_the_common_memory_is_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(response_memory, "PATIENCE_S", 0.05)
    memory = AnswerMemory(most_bytes=3 * LARGE)
    readers = [ResponseReader(ResponseBounds(body=1 << 30)) for _ in range(4)]
    with memory.holder(readers[0]) as slow, memory.holder(readers[1]) as quick:
        with memory.holder(readers[2]) as small, memory.holder(readers[3]) as waiting:
            readers[0].body += bytes(LARGE)
            readers[1].body += bytes(LARGE)
            readers[2].body += b"small"
            asyncio.run(waiting.wait_for_room(2 * LARGE))
        assert slow.is_dropped
        assert not readers[0].body
        assert not any(answer.is_dropped for answer in (quick, small, waiting))


def test_one_answer_alone_always_has_room() -> None:
    memory, reader = AnswerMemory(most_bytes=1), ResponseReader(ResponseBounds(body=10))
    with memory.holder(reader) as only:
        asyncio.run(only.wait_for_room(1 << 20))
        assert not only.is_dropped
