"""The login in front of pages for people."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from trellis_assets.servers.failed_logins import FailedLogins
from trellis_assets.servers.login import Login, safe_target

TOKEN = "a-token-of-many-characters"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pages(clock: Clock) -> Login:
    async def page(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("the page")(scope, receive, send)

    return Login(page, TOKEN, name="pages", title="Pages", clock=clock)


def ask(app: ASGIApp, run: Callable[[httpx.AsyncClient], Any], peer: str = "10.0.0.1") -> Any:
    async def asked() -> Any:
        transport = httpx.ASGITransport(app=app, client=(peer, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://miner.example") as client:
            return await run(client)

    return asyncio.run(asked())


def enter(pages: Login, token: str, peer: str = "10.0.0.1", target: str = "/") -> httpx.Response:
    form = {"token": token, "next": target}
    return ask(pages, lambda client: client.post("/enter", data=form), peer)


def test_the_form_keeps_where_one_wanted_to_go(pages: Login) -> None:
    form = ask(pages, lambda client: client.get("/models/7?x=1&y=%22"))
    assert form.status_code == 401
    assert 'name="next" value="/models/7?x=1&amp;y=%22"' in form.text
    assert '<html lang="en">' in form.text
    entered = enter(pages, TOKEN, target="/models/7?x=1")
    assert (entered.status_code, entered.headers["location"]) == (303, "/models/7?x=1")


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "evil",
        "/\t/evil.example",
        "/\n",
        "",
        "/" + "x" * 3000,
    ],
)
def test_the_login_leads_to_no_other_site(pages: Login, target: str) -> None:
    assert safe_target(target) == "/"
    assert enter(pages, TOKEN, target=target).headers["location"] == "/"


def test_wrong_tokens_make_one_wait_and_a_right_one_waits_too(pages: Login, clock: Clock) -> None:
    for _ in range(5):
        assert enter(pages, "guess").status_code == 401
    assert enter(pages, "guess").status_code == 401
    refused = enter(pages, TOKEN)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
    by_header = ask(pages, lambda c: c.get("/", headers={"authorization": f"Bearer {TOKEN}"}))
    assert by_header.status_code == 401
    assert enter(pages, TOKEN, peer="10.0.0.2").status_code == 303, "another address does not wait"
    clock.now += 2
    assert enter(pages, TOKEN).status_code == 303
    assert enter(pages, "guess").status_code == 401, "the right token clears the count"


def test_guesses_by_the_header_count_as_those_by_the_form(pages: Login) -> None:
    for _ in range(6):
        assert ask(pages, lambda c: c.get("/", headers={"authorization": "Bearer guess"})).status_code == 401
    assert enter(pages, TOKEN).status_code == 429


def test_the_delay_grows_to_a_minute_and_memory_stays(clock: Clock) -> None:
    failed = FailedLogins(clock)
    for _ in range(30):
        failed.add("10.0.0.1")
    assert failed.wait_s("10.0.0.1") == 60
    for number in range(10_000):
        failed.add(f"10.1.{number // 256}.{number % 256}")
    assert len(failed._failures) == 4096


def test_the_cookie_ends_and_cannot_be_made_without_the_token(pages: Login, clock: Clock) -> None:
    cookie = enter(pages, TOKEN).cookies["trellis_pages"]
    assert TOKEN not in cookie

    def get(value: str) -> int:
        found: int = ask(
            pages, lambda c: c.get("/", headers={"cookie": f"trellis_pages={value}"})
        ).status_code
        return found

    assert get(cookie) == 200
    later = str(int(cookie.split(".")[0]) + 10)
    for forged in (f"{later}.{cookie.split('.')[1]}", TOKEN, "", ".", "x.y", "9" * 5000 + ".y"):
        assert get(forged) == 401
    clock.now += 31 * 24 * 3600
    assert get(cookie) == 401


def test_a_websocket_without_the_token_is_refused(pages: Login) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    scope = {"type": "websocket", "path": "/graphql", "headers": [], "query_string": b"", "client": None}
    asyncio.run(pages(scope, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.parametrize("length", ["", "100000", "-1", "x"])
def test_a_login_form_is_small(pages: Login, length: str) -> None:
    headers = {"content-length": length, "content-type": "application/x-www-form-urlencoded"}
    answer = ask(pages, lambda c: c.post("/enter", content=b"token=x", headers=headers))
    assert answer.status_code == 413
