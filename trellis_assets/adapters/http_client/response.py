"""One HTTP/1.1 response, parsed as its bytes arrive and bounded in every part. No I/O here.

The parser is llhttp (through httptools): it reads each byte once. h11, which httpx uses, needs 2.5 s for a
header of 30,000 spaces, because a regular expression tries every way to split them.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httptools

_SMALLEST_STATUS, _FIRST_FINAL_STATUS = 100, 200
_LONGEST_DATE = 64


class MalformedResponseError(Exception):
    """The bytes are not a response within bounds; the text holds none of the peer's words."""


class ResponseTooLongError(MalformedResponseError):
    """The body is longer than it may be."""


@dataclass(frozen=True, slots=True)
class ResponseBounds:
    """What one response may cost.

    Attributes:
        body: longest body, in bytes.
        head: longest status line and headers, in bytes, interim (1xx) responses included.
        headers: most header lines, trailers included.
        framing: bytes beside the body that are allowed after the head, apart from a sixteenth of the body:
            chunk sizes, chunk extensions, trailers.
    """

    body: int
    head: int = 32 * 1024
    headers: int = 100
    framing: int = 8 * 1024


class ResponseReader:
    """Feed it what arrives until `is_complete`; then read status and headers, and `close` it for the body.

    `has_head` says whether the final response's headers are there.

    Bodies are taken as they are: a content encoding is refused, so that the bound on the body is a bound on
    what arrives, and nothing is ever inflated.
    """

    def __init__(self, bounds: ResponseBounds) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.is_complete = False
        self._bounds = bounds
        self.has_head = False
        self._has_length = self._is_too_long = False
        self._fault: str | None = None
        self._received = self._header_lines = 0
        self._parser = httptools.HttpResponseParser(self)

    @property
    def date(self) -> datetime | None:
        """Return the time in the peer's `Date` header, in UTC; None without a valid one."""
        text = self.headers.get("date", "")
        if not 0 < len(text) <= _LONGEST_DATE:
            return None
        try:
            told = parsedate_to_datetime(text)
            return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
        except (ValueError, OverflowError, TypeError, IndexError):
            return None

    def feed(self, data: bytes) -> None:
        """Parse the next bytes.

        Raises:
            MalformedResponseError: they are not HTTP/1.x, or a bound is exceeded.
        """
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError:
            pass  # `_fault` says which bound was exceeded
        except httptools.HttpParserUpgrade:
            self._fault = "it switches protocols"
        except httptools.HttpParserError as error:
            # What follows a complete response is ignored: the connection is closed, never used again.
            if not self.is_complete:
                self._fault = self._fault or f"not HTTP ({error})"
        if self._fault is None and not self.is_complete:
            self._check_overhead()
        if self._fault is not None:
            self.body = bytearray()
            raise (ResponseTooLongError if self._is_too_long else MalformedResponseError)(self._fault)

    def end(self) -> None:
        """Note that the peer closed the connection.

        Raises:
            MalformedResponseError: in the middle of the response.
        """
        if self.is_complete:
            return
        if not self.has_head:
            raise MalformedResponseError("the connection was closed before an answer came")
        if self._has_length:
            raise MalformedResponseError("the connection was closed in the middle of the answer")
        self.is_complete = True

    def close(self) -> bytearray:
        """Return the body, and keep nothing: parser and reader refer to each other until then."""
        body, self.body = self.body, bytearray()
        del self._parser
        return body

    def _check_overhead(self) -> None:
        """Bound what is not body: endless interim responses, tiny chunks, chunk extensions, trailers."""
        overhead = self._received - len(self.body)
        if not self.has_head and overhead > self._bounds.head:
            self._fault = f"its headers are longer than {self._bounds.head} bytes"
        elif overhead > self._bounds.head + self._bounds.framing + len(self.body) // 16:
            self._fault = "it has more framing than body"

    def _refuse(self, fault: str) -> None:
        self._fault = fault
        raise MalformedResponseError(fault)

    # httptools calls these; what they raise it wraps in HttpParserCallbackError.

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the header; the first of a name counts, trailers do not."""
        if self.is_complete:
            return
        self._header_lines += 1
        if self._header_lines > self._bounds.headers:
            self._refuse(f"it has more than {self._bounds.headers} headers")
        if not self.has_head:
            self.headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        """Decide whether this is a final response that can be read."""
        if self.is_complete:
            return
        status = self._parser.get_status_code()
        if status < _SMALLEST_STATUS:
            self._refuse("its status is not one of HTTP's")
        if status < _FIRST_FINAL_STATUS:
            self.headers.clear()
            return
        self.status, self.has_head = status, True
        coding = self.headers.get("transfer-encoding", "chunked").strip().lower()
        if coding != "chunked":
            self._refuse("it has a transfer encoding that was not asked for")
        if self.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
            self._refuse("it is compressed, which was not asked for")
        length = self.headers.get("content-length")
        self._has_length = length is not None or "transfer-encoding" in self.headers
        # llhttp has checked that it is one decimal number below 2**64.
        if length is not None and int(length) > self._bounds.body:
            self._refuse_length()

    def on_body(self, data: bytes) -> None:
        """Keep the bytes while there is room for them."""
        if self.is_complete:
            return
        if len(self.body) + len(data) > self._bounds.body:
            self._refuse_length()
        self.body += data

    def on_message_complete(self) -> None:
        """Note the end, unless it was an interim response that ended."""
        self.is_complete = self.has_head

    def _refuse_length(self) -> None:
        self._is_too_long = True
        self._refuse(f"more than {self._bounds.body} bytes")
