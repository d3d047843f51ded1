"""The parser of responses: whatever bytes come, in whatever pieces, and against another parser."""

import h11
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trellis_assets.adapters.http_client.response import ResponseBounds, ResponseReader
from trellis_assets.testing.hostile_peer import A_TASK, CHUNKED, JSON, LINE
from trellis_assets_tests.hostile.parsing import read, read_all_ways

PARTS = st.sampled_from(
    [
        *(
            LINE,
            JSON,
            CHUNKED,
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.0 204 No\r\n",
            b"HTTP/1.1 302 F\r\n",
        ),
        *(b"Content-Length: 5\r\n", b"Content-Length: 99999999999\r\n", b"Transfer-Encoding: chunked\r\n"),
        *(b"Content-Encoding: gzip\r\n", b"Date: Wed, 25 Nov 2026 09:00:00 GMT\r\n", b"Date: \xff\r\n"),
        *(
            b"\r\n",
            b"5\r\nhello\r\n",
            b"0\r\n\r\n",
            b"X: y\r\n",
            b"ffffffffff\r\n",
            b"hello",
            A_TASK,
            b"\x00",
        ),
    ]
)
RESPONSES = st.lists(PARTS | st.binary(max_size=30), max_size=12).map(b"".join)
PIECES = st.integers(1, 300)


@settings(max_examples=400, deadline=None)
@given(data=RESPONSES | st.binary(max_size=300), piece=PIECES)
@example(data=LINE + b"X:" + b" " * 900 + b"\x00\r\n\r\n", piece=7)
@example(data=CHUNKED + b"5\r\nhello\r\n0\r\n\r\ntrailing", piece=300)
def test_whatever_comes_is_an_answer_or_the_named_error(data: bytes, piece: int) -> None:
    read_all_ways(data, piece)


@settings(max_examples=200, deadline=None)
@given(data=RESPONSES, piece=PIECES)
def test_how_the_bytes_are_cut_changes_nothing(data: bytes, piece: int) -> None:
    whole, cut = read(data, 10_000), read(data, piece)
    assert (whole is None) == (cut is None)
    if whole is not None and cut is not None:
        assert (whole.status, whole.body, whole.server_time) == (cut.status, cut.body, cut.server_time)


def _by_h11(data: bytes) -> tuple[int, bytes] | None:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    connection.send(h11.EndOfMessage())
    status, body = 0, b""
    try:
        connection.receive_data(data)
        connection.receive_data(b"")
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return status, body
            elif event is h11.NEED_DATA or isinstance(event, h11.ConnectionClosed):
                return None
    except h11.RemoteProtocolError:
        return None


@settings(max_examples=300, deadline=None)
@given(
    interim=st.integers(0, 2),
    status=st.integers(200, 599).filter(lambda status: status not in {204, 304}),
    framing=st.sampled_from(["length", "chunked", "close"]),
    body=st.binary(max_size=300),
    cuts=st.integers(1, 100),
    piece=PIECES,
)
def test_every_well_formed_response_is_read_as_h11_reads_it(  # noqa: PLR0917 - what is varied
    interim: int, status: int, framing: str, body: bytes, cuts: int, piece: int
) -> None:
    data = b"HTTP/1.1 100 Continue\r\n\r\n" * interim + b"HTTP/1.1 %d Some\r\nServer: x\r\n" % status
    if framing == "length":
        data += b"Content-Length: %d\r\n\r\n" % len(body) + body
    elif framing == "chunked":
        chunks = [body[i : i + cuts] for i in range(0, len(body), cuts)]
        sizes = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
        data += b"Transfer-Encoding: chunked\r\n\r\n" + sizes + b"0\r\n\r\n"
    else:
        data += b"\r\n" + body
    answer = read(data, piece)
    if answer is None:
        assert framing == "chunked", "only chunks that are far too small are refused"
        assert cuts < 20
    else:
        assert (answer.status, bytes(answer.body)) == _by_h11(data)


@pytest.mark.parametrize(
    ("date", "hour"),
    [
        (b"Wed, 25 Nov 2026 09:00:00 GMT", 9),
        (b"Wed, 25 Nov 2026 09:00:00 +0200", 7),
        (b"Wed, 25 Nov 2026 09:00:00", 9),
        (b"Fri, 31 Dec 9999 23:59:59 -1200", None),
        (b"yesterday", None),
        (b"9" * 500, None),
        (b"", None),
    ],
)
def test_the_servers_time_is_read_in_utc_or_is_none(date: bytes, hour: int | None) -> None:
    reader = ResponseReader(ResponseBounds(body=10))
    reader.feed(LINE + b"Date: " + date + b"\r\nContent-Length: 0\r\n\r\n")
    assert (None if reader.date is None else reader.date.hour) == hour
