"""One connection that is given up at a deadline, whatever the peer does."""

import contextlib
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import httpx

from trellis_assets.adapters.http_client.response import (
    ResponseBounds,
    ResponseReader,
)
from trellis_assets.adapters.http_client.urls import Target

Value = TypeVar("Value")
_READ_BYTES = _WRITE_BYTES = 64 * 1024
_PROXY_BOUNDS = ResponseBounds(body=64 * 1024)


class NoConnectionError(Exception):
    """No connection was made: nothing of the request was sent."""


@contextlib.contextmanager
def connected(
    target: Target, proxy: Target | None, *, connect_until: float, until: float
) -> Iterator[socket.socket]:
    """Open a connection to the target, by the proxy if there is one, with TLS if the target has it.

    Args:
        target: where to.
        proxy: an http proxy; a TLS connection is tunnelled through it.
        connect_until: deadline of name look-up and connecting, on the monotonic clock.
        until: deadline of everything.

    Raises:
        NoConnectionError: nothing listens there, or not in time.
        TimeoutError: the proxy or the TLS handshake took longer than `until`.
        OSError: the connection broke, or TLS failed.
    """
    connection = _connect(proxy or target, connect_until)
    try:
        if target.is_tls:
            if proxy is not None:
                _tunnel(connection, target, proxy, until)
            connection.settimeout(_left(until))
            connection = _tls().wrap_socket(connection, server_hostname=target.host)
        connection.setblocking(False)
        yield connection
    finally:
        connection.close()


def exchange(connection: socket.socket, request: bytes, reader: ResponseReader, *, until: float) -> None:
    """Send the request and read its response at the same time: a refusal may come before all is sent.

    Raises:
        TimeoutError: no whole response by `until`.
        MalformedResponseError: not a response within bounds.
        OSError: the connection broke before a response came.
    """
    unsent = memoryview(request)
    while not reader.is_complete:
        left = _left(until)
        received = _attempt(connection.recv, _READ_BYTES)
        if received == b"":
            reader.end()
            return
        if received is not None:
            reader.feed(received)
            continue
        if unsent:
            try:
                sent = _attempt(connection.send, unsent[:_WRITE_BYTES])
            except OSError:
                unsent = unsent[:0]  # what was answered before the connection broke can still be read
                continue
            if sent is not None:
                unsent = unsent[sent:]
                continue
        _wait(connection, left, writing=bool(unsent))


def _attempt(operation: Callable[..., Value], argument: object) -> Value | None:
    """Return what the operation gives at once, or None if it would have to wait."""
    try:
        return operation(argument)
    except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return None


def _wait(connection: socket.socket, seconds: float, *, writing: bool) -> None:
    poll = select.poll()
    poll.register(connection, select.POLLIN | (select.POLLOUT if writing else 0))
    poll.poll(max(1, int(seconds * 1000)))


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _connect(target: Target, until: float) -> socket.socket:
    failure: str = "no address"
    for family, address in _addresses(target, until):
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(_left(until))
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:  # includes TimeoutError
            connection.close()
            failure = str(error) or "timed out"
        else:
            return connection
    raise NoConnectionError(failure)


def _addresses(target: Target, until: float) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    """Look the name up, in a thread of its own: the system's resolver knows no deadline."""
    found: list[list[tuple[socket.AddressFamily, tuple[str, int]]]] = []
    failures: list[str] = []

    def look_up() -> None:
        try:
            known = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        except OSError as error:
            failures.append(str(error))
        else:
            found.append([(family, address[:2]) for family, *_, address in known])  # type: ignore[misc]

    thread = threading.Thread(target=look_up, name="name look-up", daemon=True)
    thread.start()
    thread.join(max(0.0, until - time.monotonic()))
    if not found:
        raise NoConnectionError(failures[0] if failures else "the name was not found in time")
    return found[0]


def _tunnel(connection: socket.socket, target: Target, proxy: Target, until: float) -> None:
    host = f"[{target.host}]" if ":" in target.host else target.host
    lines = [f"CONNECT {host}:{target.port} HTTP/1.1", f"Host: {host}:{target.port}"]
    if proxy.basic is not None:
        lines.append(f"Proxy-Authorization: {proxy.basic}")
    connection.settimeout(_left(until))
    connection.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
    reader = ResponseReader(_PROXY_BOUNDS)
    while not reader.has_head:
        connection.settimeout(_left(until))
        received = connection.recv(_READ_BYTES)
        if not received:
            reader.end()
        reader.feed(received)
    reader.close()
    if reader.status != httpx.codes.OK:
        raise NoConnectionError(f"the proxy {proxy.host}:{proxy.port} answered {reader.status}")


_tls_context: list[ssl.SSLContext] = []


def _tls() -> ssl.SSLContext:
    """Return the context that verifies, made once: reading the authorities takes 20 ms."""
    if not _tls_context:
        context = httpx.create_ssl_context()
        context.set_alpn_protocols(["http/1.1"])
        _tls_context.append(context)
    return _tls_context[0]
