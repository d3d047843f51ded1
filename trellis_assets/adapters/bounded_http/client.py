"""HTTP calls whose answers are a stranger's: bounded in size and in time, never followed elsewhere."""

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from trellis_assets.domain.tasks import printable

CONNECT_TIMEOUT_S = 5.0
# httpx logs whole URLs at INFO: a webhook's URL is a secret, and others may hold a password.
logging.getLogger("httpx").setLevel(logging.WARNING)
_EXCERPT = 200


class NoAnswerError(RuntimeError):
    """No whole answer came; the text holds no credentials.

    Attributes:
        is_transient: asking again later may help.
        is_away: not even a connection was made.
    """

    def __init__(self, message: str, *, is_transient: bool, is_away: bool = False) -> None:
        super().__init__(message)
        self.is_transient = is_transient
        self.is_away = is_away


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_html(self) -> bool:
        """Whether this is a page for people, as proxies and wrong addresses send."""
        return "html" in self.headers.get("content-type", "") or self.body.lstrip()[:1] == b"<"

    @property
    def excerpt(self) -> str:
        """The beginning of the body, safe to log."""
        return printable(self.body[:_EXCERPT].decode("utf-8", "replace"), _EXCERPT)


class BoundedClient:
    """POST and GET against one service. Safe to use from several threads."""

    def __init__(self, *, timeout_s: float, max_bytes: int, token: str | None = None) -> None:
        """Nothing is opened yet.

        Args:
            timeout_s: longest silence, and longest time from the call to the end of the answer
                (overrun by at most one silence).
            max_bytes: longest body.
            token: sent as `Authorization: Bearer …`.
        """
        self._timeout_s, self._max_bytes = timeout_s, max_bytes
        timeout = httpx.Timeout(timeout_s, connect=min(CONNECT_TIMEOUT_S, timeout_s))
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        # Uncompressed, so that the bound on the body is a bound on what arrives.
        # A connection for each call: a kept one may be closed by the server just as it is used again,
        # and a call lost that way could be a generation.
        self._client = httpx.Client(
            timeout=timeout,
            headers={"Accept-Encoding": "identity"} | authorization,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def get(self, url: str) -> Answer:
        """The answer to a GET.

        Raises:
            NoAnswerError: none came in bounds.
        """
        return self._ask("GET", url)

    def post_form(self, url: str, fields: Mapping[str, str]) -> Answer:
        """The answer to a form.

        Raises:
            NoAnswerError: none came in bounds, or the fields are not valid Unicode.
        """
        return self._ask("POST", url, data=fields)

    def post_json(self, url: str, fields: Mapping[str, Any]) -> Answer:
        """The answer to a JSON object.

        Raises:
            NoAnswerError: none came in bounds.
        """
        # ASCII escapes, so that lone surrogates in a prompt are no error here.
        content = json.dumps(fields).encode("ascii")
        return self._ask("POST", url, content=content, headers={"Content-Type": "application/json"})

    def _ask(self, method: str, url: str, **request: Any) -> Answer:
        where = shown_url(url)
        deadline = time.monotonic() + self._timeout_s
        try:
            with self._client.stream(method, url, **request) as response:
                body = self._read(response, where, deadline)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            text = f"{where} cannot be reached: {error or type(error).__name__}"
            raise NoAnswerError(printable(text, 300), is_transient=True, is_away=True) from error
        except httpx.TimeoutException as error:
            text = f"{where} did not answer within {self._timeout_s:g} s ({type(error).__name__})"
            raise NoAnswerError(text, is_transient=True) from error
        except httpx.TransportError as error:
            text = f"{where} broke off: {type(error).__name__} {error}"
            raise NoAnswerError(printable(text, 300), is_transient=True) from error
        except UnicodeEncodeError as error:
            text = f"the prompt is not valid Unicode: {error.reason}"
            raise NoAnswerError(text, is_transient=False) from error
        return Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, body)

    def _read(self, response: httpx.Response, where: str, deadline: float) -> bytes:
        body = bytearray()
        for piece in response.iter_raw():
            body += piece
            if len(body) > self._max_bytes:
                text = f"{where} answered with more than {self._max_bytes} bytes"
                raise NoAnswerError(text, is_transient=False)
            if time.monotonic() > deadline:
                text = f"{where} did not finish its answer within {self._timeout_s:g} s"
                raise NoAnswerError(text, is_transient=True)
        return bytes(body)


def shown_url(url: str) -> str:
    """The URL without user name and password, for messages.

    Raises:
        ValueError: not an http(s) URL with a host; names what is wanted, not the URL.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        # The library's text quotes the part that it cannot read, which may be of a password.
        raise ValueError("not a URL; wanted is http(s)://host:port") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ValueError("not a URL of a service; wanted is http(s)://host:port")
    return printable(str(parsed.copy_with(userinfo=b"")), _EXCERPT)
