"""A TCP server that answers every request by one attack, byte for byte."""

import contextlib
import gzip
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

LINE = b"HTTP/1.1 200 OK\r\n"
JSON = LINE + b"Content-Type: application/json\r\n"
CHUNKED = JSON + b"Transfer-Encoding: chunked\r\n\r\n"
A_TASK = b'{"task": {"type": "text", "id": "hostile", "prompt": "a vase"}, "validation_threshold": 0.6}'
_MEGABYTE = 1 << 20


@dataclass
class Conversation:
    """One connection whose request was read, as far as the attack wants it read.

    Attributes:
        stopped: set when the server ends; a drip ends with it.
    """

    connection: socket.socket
    stopped: threading.Event
    request: bytes = b""

    def send(self, data: bytes) -> None:
        """Send all of it.

        Raises:
            OSError: the client is gone.
        """
        self.connection.sendall(data)

    def drip(self, piece: bytes, *, every_s: float = 0.05) -> None:
        """Send the piece again and again until the client is gone or the server stops."""
        while not self.stopped.wait(every_s):
            self.send(piece)

    def flood(self, piece: bytes) -> None:
        """Send the same without a pause."""
        while not self.stopped.is_set():
            self.send(piece)

    def answer(self, body: bytes, headers: bytes = b"", line: bytes = JSON) -> None:
        """Send a whole response."""
        self.send(line + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body)


Attack = Callable[[Conversation], None]


def sends(data: bytes) -> Attack:
    """Return the attack that sends these bytes and closes."""
    return lambda peer: peer.send(data)


def answers(body: bytes, headers: bytes = b"") -> Attack:
    """Return the attack that is a well-formed response with this body."""
    return lambda peer: peer.answer(body, headers)


def redirects(to: str, status: int = 302) -> Attack:
    """Return the attack that sends the client elsewhere."""
    head = f"HTTP/1.1 {status} Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"
    return sends(head.encode())


def then(first: bytes, again: bytes, *, every_s: float = 0.05) -> Attack:
    """Return the attack that sends something and then drips."""

    def attack(peer: Conversation) -> None:
        peer.send(first)
        peer.drip(again, every_s=every_s)

    return attack


def floods(first: bytes, again: bytes) -> Attack:
    """Return the attack that sends something and then something else without end."""

    def attack(peer: Conversation) -> None:
        peer.send(first)
        peer.flood(again)

    return attack


def _reset(peer: Conversation) -> None:
    peer.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _reset_in_the_body(peer: Conversation) -> None:
    peer.send(JSON + b"Content-Length: 1000\r\n\r\n" + b'{"task": {"id": "ta')
    _reset(peer)


def _beside_a_task(junk: bytes) -> bytes:
    return A_TASK[:-1] + b', "extra": ' + junk + b"}"


def _squeezed(body: bytes) -> bytes:
    return gzip.compress(body, 1)


_NESTED = b"[" * 20_000 + b"]" * 20_000
_LISTS = b"[" + b"[]," * 30_000 + b"[]]"
_OBJECTS = b"[" + b'{"a":{}},' * 10_000 + b"{}]"
_PUNYCODE = b"Content-Type: application/json; charset=punycode\r\n"

# Every one of them costs a client that trusts its peer something: time, memory, or a call elsewhere.
# What is marked as a task is one, whatever lies beside it: it may be taken, if it costs nothing more.
ATTACKS: dict[str, Attack] = {
    "silence": lambda peer: peer.drip(b"", every_s=0.05),
    "a closed connection": sends(b""),
    "a reset": _reset,
    "a reset in the body": _reset_in_the_body,
    "HTTP/0.9": sends(A_TASK),
    "HTTP/2": sends(b"HTTP/2 200 OK\r\n\r\n" + A_TASK),
    "not HTTP at all": floods(b"", b"\x00\xff\r\n" * 1000),
    "a status line that drips": then(b"HTTP/1.1 ", b"2"),
    "a status line without end": floods(b"HTTP/1.1 200 ", b"O" * 4096),
    "headers that drip": then(LINE, b"X-Drip: 1\r\n"),
    "a header that drips": then(LINE + b"X-Drip: ", b"1"),
    "headers without end": floods(LINE, b"X-Flood: 1\r\n" * 500),
    "a header without end": floods(LINE + b"X-Flood: ", b"x" * 4096),
    "a header of spaces": sends(LINE + b"X:" + b" " * 30_000 + b"\x00\r\n\r\n"),
    "ten thousand headers": sends(LINE + b"X: 1\r\n" * 10_000 + b"\r\n"),
    "folded headers": sends(LINE + b"X: 1\r\n" + b" y\r\n" * 5_000 + b"\r\n"),
    "100 Continue without end": floods(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "103 Early Hints that drip": then(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
    "another protocol": sends(b"HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
    "a body that drips": then(JSON + b"Content-Length: 1000000\r\n\r\n", b" "),
    "chunks that drip": then(CHUNKED, b"1\r\n \r\n"),
    "a body without end": floods(JSON + b"\r\n", b"[" * 65_536),
    "chunks without end": floods(CHUNKED, b"10000\r\n" + b"[" * 65_536 + b"\r\n"),
    "chunks of one byte": floods(CHUNKED, b"1\r\n \r\n" * 5_000),
    "a chunk extension without end": floods(CHUNKED + b"1", b";a=b" * 5_000),
    "trailers without end": floods(CHUNKED + b"0\r\n", b"X: 1\r\n" * 1_000),
    "a chunk size that overflows": sends(CHUNKED + b"f" * 40 + b"\r\n"),
    "a length of petabytes": then(JSON + b"Content-Length: 9999999999999999\r\n\r\n", b" "),
    "a negative length": sends(JSON + b"Content-Length: -1\r\n\r\n" + A_TASK),
    "two lengths": sends(JSON + b"Content-Length: 2\r\nContent-Length: 92\r\n\r\n" + A_TASK),
    "a length and chunks": sends(JSON + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "a length that is too long": sends(JSON + b"Content-Length: 1000\r\n\r\n" + A_TASK),
    "a length that is too short": sends(JSON + b"Content-Length: 20\r\n\r\n" + A_TASK),
    "a gzip bomb": lambda peer: peer.answer(_squeezed(bytes(32 * _MEGABYTE)), b"Content-Encoding: gzip\r\n"),
    "punycode over gzip": lambda peer: peer.answer(
        _squeezed(b"{" + b"a" * 60_000), _PUNYCODE + b"Content-Encoding: gzip\r\n", LINE
    ),
    "punycode": lambda peer: peer.answer(b"-" + b"z" * 60_000, _PUNYCODE, LINE),
    "a transfer encoding of gzip": sends(JSON + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "nested lists": answers(_NESTED),
    "nested objects": answers(b'{"a":' * 20_000),
    "nested lists for a task": answers(b'{"task": ' + _NESTED + b"}"),
    "a task twice ten thousand times": answers(b"{" + b'"task":{"id":"a"},' * 10_000 + b'"task":1}'),
    "NaN": answers(b'{"validation_threshold": NaN}'),
    "infinity": answers(b'{"cooldown_until": Infinity}'),
    "an integer of 100,000 digits": answers(b'{"cooldown_until": 1' + b"0" * 100_000 + b"}"),
    "a lone surrogate": answers(b'{"task": {"id": "a", "prompt": "\\ud800"}}'),
    "bytes that are not UTF-8": answers(b'{"task": {"id": "a", "prompt": "\xff\xfe"}}'),
    "UTF-16": answers(A_TASK.decode().encode("utf-16")),
    "a page": answers(b"<html>" * 100),
    "no JSON": answers(b"{"),
    "null": answers(b"null"),
}
TASKS_WITH_A_BOMB: dict[str, Attack] = {
    "a task beside nested lists": answers(_beside_a_task(b"[" * 500 + b"]" * 500)),
    "a task beside 30,000 lists": answers(_beside_a_task(_LISTS)),
    "a task beside 10,000 objects": answers(_beside_a_task(_OBJECTS)),
    "a task beside 8 MiB of lists": lambda peer: peer.answer(
        _beside_a_task(b"[" + b"[]," * (8 << 18) + b"0]")
    ),
    "hostile headers of the library": answers(
        A_TASK,
        b"bt_header_axon_status_code: much\r\nbt_header_input_obj_task: %%%\r\n"
        b"bt_header_dendrite_nonce: -1\r\nheader_size: x\r\nSet-Cookie: a=b\r\n",
    ),
}


class HostilePeer:
    """What the server did so far.

    Attributes:
        port: on 127.0.0.1.
        attack: how it answers from now on.
        requests: the request lines that came.
        is_busy: connections that it still answers.
    """

    def __init__(self, attack: Attack, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.attack, self.requests = attack, list[str]()
        self._stopped = threading.Event()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, name="hostile peer", daemon=True).start()

    @property
    def is_busy(self) -> bool:
        """Return whether a connection is still open on this side."""
        return bool(self._open)

    def close(self) -> None:
        """Stop listening, and let every attack end."""
        self._stopped.set()
        self._listener.close()
        for connection in tuple(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        self._open.add(connection)
        try:
            with connection, contextlib.suppress(OSError):
                connection.settimeout(20)
                if self._tls is not None:
                    connection = self._tls.wrap_socket(connection, server_side=True)
                request = _read_request(connection)
                self.requests.append(request.partition(b"\r\n")[0].decode("latin-1"))
                self.attack(Conversation(connection, self._stopped, request))
        finally:
            self._open.discard(connection)


def _read_request(connection: socket.socket) -> bytes:
    """Return head and body of the request, as its Content-Length says."""
    data = b""
    while b"\r\n\r\n" not in data and (piece := connection.recv(65_536)):
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    missing = int(lengths[0]) - len(body) if lengths else 0
    while missing > 0 and (piece := connection.recv(65_536)):
        data, missing = data + piece, missing - len(piece)
    return data


@contextmanager
def hostile_peer(attack: Attack, *, tls: ssl.SSLContext | None = None) -> Iterator[HostilePeer]:
    """Serve the attack on a free port of 127.0.0.1 until the block ends, over TLS if a context is given."""
    peer = HostilePeer(attack, tls)
    try:
        yield peer
    finally:
        peer.close()
