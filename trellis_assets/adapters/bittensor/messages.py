"""What goes to a validator and comes back over HTTP, as values."""

from dataclasses import dataclass
from datetime import datetime

from trellis_assets.adapters.http_client.response import ResponseBounds


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What is sent, and what may come back.

    Attributes:
        path: where on the server, as "/PullTask".
        headers: without Host, Content-Length and Connection; values are ASCII.
        body: JSON.
        bounds: of the response.
    """

    path: str
    headers: dict[str, str]
    body: bytes
    bounds: ResponseBounds


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A whole response.

    Attributes:
        server_time: what the `Date` header says, in UTC; None without one.
        round_trip_s: from the start of the connection to the last byte.
    """

    status: int
    body: bytearray
    server_time: datetime | None
    round_trip_s: float


@dataclass(frozen=True, slots=True)
class CallFailure:
    """No whole response came.

    Attributes:
        reason: one printable line.
        never_sent: not even a connection was made.
        is_malformed: what came is not HTTP, or exceeds a bound.
    """

    reason: str
    never_sent: bool = False
    is_malformed: bool = False
