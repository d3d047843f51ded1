"""The middleware of our servers: what is open without a token, and how the token is compared."""

import asyncio
import hmac
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse

from trellis_assets.servers.middleware import guarded

TOKEN = "a-token-of-many-characters"


def statuses(*paths: str, token: str = "", body: bytes = b"") -> list[int]:
    """What an exposed server of 1,000-byte bodies answers to a POST at each of the paths."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await PlainTextResponse("ok")(scope, receive, send)

    async def ask() -> list[int]:
        exposed = guarded(app, max_body=1000, host="0.0.0.0", token=TOKEN)
        transport = httpx.ASGITransport(app=exposed)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        async with httpx.AsyncClient(transport=transport, base_url="http://miner.example") as client:
            return [(await client.post(path, headers=headers, content=body)).status_code for path in paths]

    return asyncio.run(ask())


def test_nothing_but_health_is_answered_without_the_token() -> None:
    closed = ["/", "/metrics", "/live", "/doctor", "/generate/", "/healthy", "/health/x", "//health"]
    assert statuses("/health", "/health/", *closed) == [200, 200] + [401] * len(closed)
    assert set(statuses(*closed, token=TOKEN)) == {200}


def test_a_body_beyond_the_limit_is_refused() -> None:
    assert statuses("/", token=TOKEN, body=b"x" * 1000) == [200]
    assert statuses("/", token=TOKEN, body=b"x" * 1001) == [413]


def test_the_token_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(sent: bytes, wanted: bytes) -> bool:
        compared.append((sent, wanted))
        return False

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert statuses("/", token=TOKEN) == [401], "no other comparison lets the right token in"
    assert compared == [(f"Bearer {TOKEN}".encode(),) * 2]
