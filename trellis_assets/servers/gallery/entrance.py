"""The gallery's door where other machines can reach it: a form asks a browser for the token, once."""

import hashlib
import hmac
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from trellis_assets.servers.gallery.pages import HEADERS
from trellis_assets.servers.guards import BearerToken

ENTER = "/enter"
COOKIE = "trellis_gallery"
_POLICY = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_FORM = (
    "<!doctype html><title>trellis_assets</title><form method=post action=/enter>"
    "<label>Token <input type=password name=token autofocus></label> <button>Enter</button></form>"
)


class Entrance(BearerToken):
    """Lets in who has the token in a header, or a cookie that was given for it."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        super().__init__(app, token)
        self._token = token.encode()
        # What a stolen cookie tells is no token for the other servers.
        self._ticket = hmac.new(self._token, b"gallery", hashlib.sha256).hexdigest()

    def may_enter(self, scope: Scope) -> bool:
        """Whether the request has the token or the cookie."""
        given = Request(scope).cookies.get(COOKIE, "")
        return super().may_enter(scope) or hmac.compare_digest(given.encode(), self._ticket.encode())

    async def refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The form, and the cookie to who fills it in."""
        request = Request(scope, receive)
        if request.method == "POST" and request.url.path == ENTER:
            given = str((await request.form()).get("token", ""))
            if hmac.compare_digest(given.encode(), self._token):
                answer = RedirectResponse("/", HTTPStatus.SEE_OTHER)
                answer.set_cookie(COOKIE, self._ticket, httponly=True, samesite="strict")
                await answer(scope, receive, send)
                return
        headers = HEADERS | {"content-security-policy": _POLICY}
        await HTMLResponse(_FORM, HTTPStatus.UNAUTHORIZED, headers)(scope, receive, send)
