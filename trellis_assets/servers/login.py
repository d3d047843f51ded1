"""The login of pages for people, where other machines can reach them: a form asks for the token once."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlsplit

import jinja2
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from trellis_assets.servers.failed_logins import FailedLogins
from trellis_assets.servers.middleware import CLOSE, OPEN_ROUTES, BearerToken, refuse

ENTER = "/enter"
_VALID_S = 30 * 24 * 3600
_MAX_FORM_BYTES = 8 * 1024
_LONGEST_TARGET = 2048
_PAGES = jinja2.Environment(
    autoescape=True, undefined=jinja2.StrictUndefined, loader=jinja2.PackageLoader("trellis_assets.servers")
)


class Login(BearerToken):
    """Accepts the token in a header, or the cookie that the login form gave for it.

    Args:
        app: the pages.
        token: what people must enter.
        name: of the pages: of their cookie, since a browser sends all cookies to every port.
        title: what the form calls them.
        open_routes: paths that are answered without the token.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        app: ASGIApp,
        token: str,
        *,
        name: str,
        title: str,
        open_routes: frozenset[str] = OPEN_ROUTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(app, token, open_routes)
        self._token, self._name, self._title, self._clock = token.encode(), name, title, clock
        self.cookie = f"trellis_{name}"
        self._failed = FailedLogins(clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or websocket."""
        if scope["type"] == "http" and scope["path"] == ENTER and scope["method"] == "POST":
            await self._enter(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def may_enter(self, scope: Scope) -> bool:
        """Return whether the request has the token or the cookie.

        The header is for programs; a wrong token in it counts as one in the form.
        """
        if self._is_ticket(HTTPConnection(scope).cookies.get(self.cookie, "")):
            return True
        peer = _peer(scope)
        if not any(name == b"authorization" for name, _ in scope["headers"]) or self._failed.wait_s(peer):
            return False
        if super().may_enter(scope):
            return True
        self._failed.add(peer)
        return False

    async def refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Show the login form."""
        if scope["type"] == "websocket":
            await refuse(scope, receive, send, PlainTextResponse(""))
            return
        target = scope["path"]
        if scope["query_string"]:
            target += "?" + scope["query_string"].decode("latin-1")
        await self._form(target if scope["method"] == "GET" else "/", "")(scope, receive, send)

    async def _enter(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        peer = _peer(scope)
        if wait_s := self._failed.wait_s(peer):
            answer = self._form("/", f"Too many wrong tokens. Try again in {wait_s} s.", 429)
            answer.headers["retry-after"] = str(wait_s)
            await answer(scope, receive, send)
            return
        length = request.headers.get("content-length", "")
        if not length.isdigit() or int(length) > _MAX_FORM_BYTES:
            await PlainTextResponse("the form is too large", 413, CLOSE)(scope, receive, send)
            return
        form = await request.form(max_files=0, max_fields=4)
        target = safe_target(str(form.get("next", "/")))
        if not hmac.compare_digest(str(form.get("token", "")).encode(), self._token):
            self._failed.add(peer)
            await self._form(target, "That is not the token.")(scope, receive, send)
            return
        self._failed.clear(peer)
        entered = RedirectResponse(target, HTTPStatus.SEE_OTHER)
        # Lax: a link in a chat leads to the page. Nothing is changed by GET, and SameOrigin stands before it.
        entered.set_cookie(self.cookie, self._ticket(), max_age=_VALID_S, httponly=True, samesite="lax")
        await entered(scope, receive, send)

    def _form(self, target: str, problem: str, status: int = HTTPStatus.UNAUTHORIZED) -> HTMLResponse:
        nonce = secrets.token_urlsafe(16)
        text = _PAGES.get_template("login.html.jinja").render(
            title=self._title, target=safe_target(target), problem=problem, nonce=nonce, action=ENTER
        )
        policy = (
            f"default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'"
        )
        headers = CLOSE | {"content-security-policy": policy, "cache-control": "no-store"}
        return HTMLResponse(text, status, headers)

    def _ticket(self) -> str:
        until = str(int(self._clock()) + _VALID_S)
        return f"{until}.{self._signature(until)}"

    def _is_ticket(self, given: str) -> bool:
        until, _, signature = given.partition(".")
        is_ours = hmac.compare_digest(signature.encode(), self._signature(until).encode())
        return is_ours and self._clock() < int(until)

    def _signature(self, until: str) -> str:
        # A stolen cookie must not serve as a token at the other servers.
        return hmac.new(self._token, f"{self._name}:{until}".encode(), hashlib.sha256).hexdigest()


def safe_target(target: str) -> str:
    r"""Return where to go after the login if it is a page of this server, else the first one.

    >>> safe_target("/models/7?x=1"), safe_target("//evil.example"), safe_target("/\\evil.example")
    ('/models/7?x=1', '/', '/')
    """
    is_path = target.startswith("/") and not target.startswith(("//", "/\\")) and "\\" not in target
    if not is_path or not target.isprintable() or len(target) > _LONGEST_TARGET:
        return "/"
    try:
        parts = urlsplit(target)
    except ValueError:
        return "/"
    return "/" if parts.scheme or parts.netloc else target


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""
