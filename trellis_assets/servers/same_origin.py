"""Middleware against cross-site requests: what another site may make a visitor's browser send here."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trellis_assets.servers.hosts import origin_host
from trellis_assets.servers.middleware import CLOSE, refuse

_READING = frozenset({"GET", "HEAD"})
_OURS = frozenset({"same-origin", "none"})
PAGE_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
# In addition to a policy that the page sends itself: browsers apply both.
_POLICY = "frame-ancestors 'none'; object-src 'none'"


def is_cross_site(scope: Scope) -> bool:
    """Return whether a page of another origin sent the request, and it is one that such a page must not send.

    Another page may link here, and no more: writes, websockets and embedding are refused. A caller without
    both headers is no browser: browsers send Origin with every POST and websocket.
    """
    headers = Headers(scope=scope)
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if scope["type"] == "http" and scope["method"] in _READING:
        is_ours = site is None or site in _OURS
        is_link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        return not (is_ours or is_link)
    if site is not None and site not in _OURS:
        return True
    return origin is not None and origin_host(origin) != headers.get("host", "").lower()


class SameOrigin:
    """Answers cross-site requests with 403, and adds security headers to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or websocket."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in PAGE_HEADERS.items():
                    headers[name] = value
                headers.append("content-security-policy", _POLICY)
            await send(message)

        if is_cross_site(scope):
            answer = PlainTextResponse("refused: the request comes from another site", 403, CLOSE)
            await refuse(scope, receive, with_headers, answer)
        else:
            await self._app(scope, receive, with_headers)
