"""Middleware of all our servers: limits on bodies and requests, bearer token, host check."""

import hmac
from collections.abc import Iterable

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trellis_assets.servers.hosts import LOOPBACK, ExposureError, check_exposure, parse_host

__all__ = [
    "LOOPBACK",
    "BearerToken",
    "BodyLimit",
    "ConcurrentRequests",
    "ExposureError",
    "KnownHost",
    "check_exposure",
    "guarded",
]

# Watchdogs may call these without the token; the answer says only that the server is alive.
OPEN_ROUTES = frozenset({"/health/", "/health"})
# A refused caller may still be sending its body: the rest is not read.
CLOSE = {"connection": "close"}


async def refuse(scope: Scope, receive: Receive, send: Send, answer: Response) -> None:
    """Send the refusal of a request, or refuse a websocket's handshake."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
    else:
        await answer(scope, receive, send)


class BodyLimit:
    """Answers 413 to bodies of more than `limit` bytes, whatever their Content-Length says."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app, self._limit = app, limit
        self._reason = f"the body has more than {limit} bytes"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._limit:
            await JSONResponse({"detail": self._reason}, 413, headers=CLOSE)(scope, receive, send)
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


class BearerToken:
    """Answers 401 to callers without the token, `Authorization: Bearer …`."""

    def __init__(self, app: ASGIApp, token: str, open_routes: Iterable[str] = OPEN_ROUTES) -> None:
        self._app, self._wanted = app, f"Bearer {token}".encode()
        self._open_routes = frozenset(open_routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or websocket."""
        is_open = scope["type"] == "lifespan" or scope["path"] in self._open_routes
        if is_open or self.may_enter(scope):
            await self._app(scope, receive, send)
        else:
            await self.refuse(scope, receive, send)

    def may_enter(self, scope: Scope) -> bool:
        """Return whether the request has the token."""
        sent = dict(scope["headers"]).get(b"authorization", b"")
        return hmac.compare_digest(sent, self._wanted)

    async def refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that has no token."""
        headers = CLOSE | {"www-authenticate": "Bearer"}
        answer = JSONResponse({"detail": "a token is wanted"}, 401, headers=headers)
        await refuse(scope, receive, send, answer)


class ConcurrentRequests:
    """Answers 503 while `limit` requests with a body are being handled.

    Put it behind the token, so that a caller without one takes no place. Health checks have no body.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app, self._limit, self._held = app, limit, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        if self._held >= self._limit:
            detail = {"detail": f"{self._limit} requests are being handled: try again"}
            answer = JSONResponse(detail, 503, headers=CLOSE | {"retry-after": "1"})
            await answer(scope, receive, send)
            return
        self._held += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._held -= 1


class KnownHost:
    """Answers 421 if the Host header is not this server's, as in a DNS rebinding attack.

    With `hosts` None any well-formed host is accepted: the server asks for a token then, and a browser that
    uses a rebound name has no cookie for that name.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str] | None) -> None:
        self._app, self._hosts = app, None if hosts is None else frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or websocket."""
        if scope["type"] == "lifespan" or self._is_known(scope):
            await self._app(scope, receive, send)
            return
        answer = JSONResponse({"detail": "not a host of this server"}, 421, headers=CLOSE)
        await refuse(scope, receive, send, answer)

    def _is_known(self, scope: Scope) -> bool:
        named = [value for name, value in scope["headers"] if name == b"host"]
        host = parse_host(named[0].decode("latin-1")) if len(named) == 1 else None
        return host is not None and (self._hosts is None or host[0] in self._hosts)


def guarded(
    app: ASGIApp, *, max_body: int, host: str, token: str | None, max_requests: int | None = None
) -> ASGIApp:
    """Return the application behind the middleware that its address needs.

    Args:
        app: the application.
        max_body: bytes of a request's body.
        host: the address that it is bound to.
        token: what callers must send; None for no check.
        max_requests: requests with a body at a time; None: no bound but that of connections.
    """
    guarded_app: ASGIApp = BodyLimit(app, max_body)
    if max_requests is not None:
        guarded_app = ConcurrentRequests(guarded_app, max_requests)
    if token:
        guarded_app = BearerToken(guarded_app, token)
    return KnownHost(guarded_app, LOOPBACK if host in LOOPBACK else None)
