"""Middleware of Dagster's pages, so that another web page cannot start or stop anything through a browser.

The webserver itself executes GraphQL mutations by GET, by forms and for any Host and Origin. Every request
to it passes this middleware first.
"""

import asyncio
from urllib.parse import unquote

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trellis_assets.servers.hosts import LOOPBACK
from trellis_assets.servers.login import Login
from trellis_assets.servers.middleware import CLOSE, BodyLimit, KnownHost, check_exposure, refuse
from trellis_assets.servers.same_origin import SameOrigin

TOKEN_VARIABLE = "TRELLIS_WEBSERVER_TOKEN"  # noqa: S105 - the name of a variable
# The largest query that the pages send has a few hundred kilobytes: a launch with its configuration.
MAX_BODY_BYTES = 4 * 1024 * 1024
# A run's log and the file of its events are read whole, by a thread: two at a time.
MAX_DOWNLOADS = 2
MAX_DOWNLOAD_BYTES = 64 * 1024 * 1024
_DOWNLOADS = ("/logs/", "/download_debug/")
# Renders files that a caller names; none of our assets has a notebook.
_CLOSED = ("/notebook", "/dagit/notebook")


def guarded_dagster(app: ASGIApp, *, host: str, token: str | None) -> ASGIApp:
    """Return Dagster's pages behind their middleware.

    Args:
        app: the webserver's application.
        host: where it is bound.
        token: what people must know; may be None on loopback.

    Raises:
        ExposureError: other machines could reach it and there is no token, or one that can be guessed.
    """
    check_exposure(host, token, TOKEN_VARIABLE)
    guarded: ASGIApp = BodyLimit(DownloadLimit(DagsterRequests(app)), MAX_BODY_BYTES)
    if token:
        # No open route: every path of Dagster's webserver answers with its pages.
        guarded = Login(guarded, token, name="dagster", title="Dagster UI", open_routes=frozenset())
    return KnownHost(SameOrigin(guarded), LOOPBACK if host in LOOPBACK else None)


class DagsterRequests:
    """Passes on what Dagster's own pages send: GET of pages, POST of JSON, websockets."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or websocket."""
        problem = None if scope["type"] == "lifespan" else _problem(scope)
        if problem is None:
            await self._app(scope, receive, send)
        else:
            status, text = problem
            await refuse(scope, receive, send, PlainTextResponse(text, status, CLOSE))


def _problem(scope: Scope) -> tuple[int, str] | None:
    """Return the status and the sentence of the refusal, if it is one."""
    path = scope["path"]
    if not is_plain_path(path):
        return 400, "refused: the path has segments or characters that no page has"
    if scope["type"] == "websocket":
        return None
    if scope["method"] in {"GET", "HEAD"}:
        if "graphql" in path.lower() and scope["query_string"]:
            return 405, "refused: queries are sent by POST"
        if path.rstrip("/").startswith(_CLOSED):
            return 404, "notebooks are not served"
        return None
    if scope["method"] != "POST":
        return 405, "refused: only GET and POST are served"
    kind = Headers(scope=scope).get("content-type", "").partition(";")[0].strip().lower()
    # A page of another site can send a form without a preflight request, but not JSON.
    return None if kind == "application/json" else (415, "refused: POST takes application/json only")


def is_plain_path(path: str) -> bool:
    r"""Return whether every parser reads a path in the same way.

    >>> is_plain_path("/runs/7"), is_plain_path("/graphql\n"), is_plain_path("/logs/../x")
    (True, False, False)
    """
    # A path that is still encoded after it was decoded once.
    twice = unquote(path)
    return (
        path.isprintable()
        and "\\" not in twice
        and "//" not in path
        and not {".", ".."} & set(twice.split("/"))
    )


class DownloadLimit:
    """Bounds what downloads of logs and events cost: how many run at a time, and their bytes."""

    def __init__(
        self, app: ASGIApp, *, at_a_time: int = MAX_DOWNLOADS, max_bytes: int = MAX_DOWNLOAD_BYTES
    ) -> None:
        self._app, self._max_bytes = app, max_bytes
        self._free = asyncio.Semaphore(at_a_time)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or not scope["path"].startswith(_DOWNLOADS):
            await self._app(scope, receive, send)
            return
        if self._free.locked():
            headers = CLOSE | {"retry-after": "5"}
            answer = PlainTextResponse("too many downloads at a time: try again in 5 s", 503, headers)
            await answer(scope, receive, send)
            return
        async with self._free:
            await self._bounded(scope, receive, send)

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent, is_refused = 0, False

        async def counted(message: Message) -> None:
            nonlocal sent, is_refused
            if is_refused:
                return
            if message["type"] == "http.response.start":
                length = Headers(raw=message["headers"]).get("content-length", "0")
                is_refused = int(length) > self._max_bytes
                if is_refused:
                    text = f"the file has {length} bytes: read it in the data folder's dagster/compute_logs"
                    await PlainTextResponse(text, 413, CLOSE)(scope, receive, send)
                    return
            sent += len(message.get("body", b""))
            if sent > self._max_bytes:
                raise DownloadTooLargeError(f"a download has more than {self._max_bytes} bytes")
            await send(message)

        await self._app(scope, receive, counted)


class DownloadTooLargeError(RuntimeError):
    """A download without a length turned out to be too large: the connection is cut."""
