"""HTTP calls to services that are not trusted: bounded in size and in time, never followed elsewhere."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from trellis_assets.adapters.http_client.connection import NoConnectionError, connected, exchange
from trellis_assets.adapters.http_client.request import encode_request, multipart_form
from trellis_assets.adapters.http_client.response import (
    MalformedResponseError,
    ResponseBounds,
    ResponseReader,
    ResponseTooLongError,
)
from trellis_assets.adapters.http_client.urls import Target, proxy_for, shown_url, target_of
from trellis_assets.domain.tasks import printable

CONNECT_TIMEOUT_S = 5.0
_EXCERPT = 200
_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"


class NoAnswerError(RuntimeError):
    """No whole answer came; the text holds no credentials.

    Attributes:
        is_transient: asking again later may help.
        is_unreachable: not even a connection was made.
    """

    def __init__(self, message: str, *, is_transient: bool, is_unreachable: bool = False) -> None:
        super().__init__(message)
        self.is_transient = is_transient
        self.is_unreachable = is_unreachable


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_html(self) -> bool:
        """Return whether this is a page for people, as proxies and wrong addresses send."""
        return "html" in self.headers.get("content-type", "") or self.body.lstrip()[:1] == b"<"

    @property
    def json_object(self) -> dict[str, Any] | None:
        """Return the body's JSON object; None for anything else, such as one that is nested too deeply."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    @property
    def excerpt(self) -> str:
        """Return the beginning of the body, safe to log."""
        return printable(self.body[:_EXCERPT].decode("utf-8", "replace"), _EXCERPT)


@dataclass(frozen=True, slots=True)
class _Failure:
    text: str
    is_transient: bool = True
    is_unreachable: bool = False


class BoundedClient:
    """POST and GET against one service. Safe to use from several threads.

    A connection for each call: a kept one may be closed by the server just as it is used again, and a call
    that is lost that way could be a generation. No redirect is followed, no cookie kept, nothing inflated.
    A proxy that the environment names is used, but never for this machine's own addresses.
    """

    def __init__(self, *, timeout_s: float, max_bytes: int, token: str | None = None) -> None:
        """Open nothing yet.

        Args:
            timeout_s: longest time from the call to the end of the answer: name look-up, connecting, TLS,
                sending, headers and body together.
            max_bytes: longest body.
            token: sent as `Authorization: Bearer …`.
        """
        self._timeout_s, self._bounds = timeout_s, ResponseBounds(body=max_bytes)
        self._token = token

    def get(self, url: str) -> Answer:
        """Return the answer to a GET.

        Raises:
            NoAnswerError: none came in bounds.
        """
        return self._call("GET", url, b"", None)

    def post_form(self, url: str, fields: Mapping[str, str]) -> Answer:
        """Return the answer to a form.

        Raises:
            NoAnswerError: none came in bounds, or the fields are not valid Unicode.
        """
        try:
            content = urlencode(fields).encode("ascii")
        except UnicodeEncodeError as error:
            text = f"the prompt is not valid Unicode: {error.reason}"
            raise NoAnswerError(text, is_transient=False) from None
        return self._call("POST", url, content, _FORM)

    def post_file(self, url: str, fields: Mapping[str, str], name: str, file: bytes) -> Answer:
        """Return the answer to a multipart form with one uploaded file, in the field `name`.

        Raises:
            NoAnswerError: none came in bounds.
        """
        content, content_type = multipart_form(fields, name, file)
        return self._call("POST", url, content, content_type)

    def post_json(self, url: str, fields: Mapping[str, Any]) -> Answer:
        """Return the answer to a JSON object.

        Raises:
            NoAnswerError: none came in bounds.
        """
        # ASCII escapes, so that lone surrogates in a prompt are no error here.
        return self._call("POST", url, json.dumps(fields).encode("ascii"), _JSON)

    def _call(self, method: str, url: str, content: bytes, content_type: str | None) -> Answer:
        where = shown_url(url)
        reader = ResponseReader(self._bounds)
        failure = self._exchange(method, url, content, content_type, reader)
        body = reader.close()
        if failure is not None:
            # Raised here, away from the error behind it, whose traceback would keep what arrived alive.
            body.clear()
            message = printable(f"{where} {failure.text}", 300)
            raise NoAnswerError(
                message, is_transient=failure.is_transient, is_unreachable=failure.is_unreachable
            )
        return Answer(reader.status, reader.headers, bytes(body))

    def _exchange(
        self, method: str, url: str, content: bytes, content_type: str | None, reader: ResponseReader
    ) -> _Failure | None:
        """Make the call, and return what went wrong."""
        now = time.monotonic()
        until = now + self._timeout_s
        connect_until = now + min(CONNECT_TIMEOUT_S, self._timeout_s)
        try:
            target = target_of(url)
            proxy = proxy_for(target)
            request = self._encode(method, target, proxy, content, content_type)
            with connected(target, proxy, connect_until=connect_until, until=until) as connection:
                exchange(connection, request, reader, until=until)
        except NoConnectionError as error:
            return _Failure(f"cannot be reached: {error}", is_unreachable=True)
        except TimeoutError:
            did_not = "finish its answer" if reader.has_head else "answer"
            return _Failure(f"did not {did_not} within {self._timeout_s:g} s")
        except ResponseTooLongError as error:
            return _Failure(f"answered with {error}", is_transient=False)
        except MalformedResponseError as error:
            return _Failure(f"broke off: {error}")
        except ValueError as error:
            return _Failure(f"cannot be called: {error}", is_transient=False)
        except OSError as error:
            return _Failure(f"broke off: {type(error).__name__} {error}")
        return None

    def _encode(
        self, method: str, target: Target, proxy: Target | None, content: bytes, content_type: str | None
    ) -> bytes:
        # A proxy gets the whole URL, except through a tunnel.
        by_proxy = proxy is not None and not target.is_tls
        headers = {
            "Host": target.authority,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Connection": "close",
            "User-Agent": "trellis-assets",
            "Authorization": f"Bearer {self._token}" if self._token else target.basic,
            "Proxy-Authorization": proxy.basic if proxy is not None and by_proxy else None,
            "Content-Type": content_type,
            "Content-Length": None if content_type is None else str(len(content)),
        }
        place = f"http://{target.authority}{target.path}" if by_proxy else target.path
        return encode_request(method, place, headers, content)
