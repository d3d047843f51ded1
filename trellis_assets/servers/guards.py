"""What stands before every server of ours: body limit, token, and a check of whom the caller means."""

import hmac
from collections.abc import Iterable

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
# Watchdogs may ask without the token; it says nothing but that the server lives.
OPEN_ROUTES = frozenset({"/health/", "/health"})


class ExposureError(ValueError):
    """A server would be open to strangers."""


def check_exposure(host: str, token: str | None, variable: str) -> None:
    """Nothing, if only this machine can reach the server or a token keeps others out.

    Raises:
        ExposureError: says which setting is missing.
    """
    if host not in LOOPBACK and not token:
        raise ExposureError(f"{host} can be reached from other machines: set {variable}, or use 127.0.0.1")


class BodyLimit:
    """Answers 413 to bodies of more than `limit` bytes, whatever they say of their length."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app, self._limit = app, limit
        self._reason = f"the body has more than {limit} bytes"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._limit:
            await self._refuse(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._limit:
                raise HTTPException(413, self._reason)
            return message

        await self._app(scope, counted, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = JSONResponse({"detail": self._reason}, 413, headers={"connection": "close"})
        await answer(scope, receive, send)


class BearerToken:
    """Answers 401 to callers without the token, `Authorization: Bearer …`."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._wanted = app, f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["path"] in OPEN_ROUTES or self.may_enter(scope):
            await self._app(scope, receive, send)
        else:
            await self.refuse(scope, receive, send)

    def may_enter(self, scope: Scope) -> bool:
        """Whether the request has the token."""
        sent = dict(scope["headers"]).get(b"authorization", b"")
        return hmac.compare_digest(sent, self._wanted)

    async def refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The answer to a request without it."""
        headers = {"www-authenticate": "Bearer"}
        await JSONResponse({"detail": "a token is wanted"}, 401, headers=headers)(scope, receive, send)


class KnownHost:
    """Answers 421 where the Host header names another machine: a web page that rebinds its own name."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self._app, self._hosts = app, frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http":
            named = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
            if _without_port(named) not in self._hosts:
                await JSONResponse({"detail": "not a host of this server"}, 421)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1 : host.find("]")]
    return host.rsplit(":", 1)[0] if ":" in host else host


def guarded(app: ASGIApp, *, max_body: int, host: str, token: str | None) -> ASGIApp:
    """The application behind what it needs where it is bound."""
    guarded_app: ASGIApp = BodyLimit(app, max_body)
    if token:
        guarded_app = BearerToken(guarded_app, token)
    if host in LOOPBACK:
        guarded_app = KnownHost(guarded_app, LOOPBACK)
    return guarded_app
