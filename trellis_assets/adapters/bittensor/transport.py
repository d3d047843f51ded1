"""Bytes to and from a validator: one deadline for all of a call, and a bound on everything that comes back.

A validator is an untrusted peer. What goes wrong is returned as a value, never raised, so that no traceback
keeps a failed answer's bytes alive.
"""

import asyncio
import contextlib
import ipaddress
import resource
import socket
import time
from weakref import WeakKeyDictionary

from trellis_assets.adapters.bittensor.messages import CallFailure, HttpAnswer, HttpRequest
from trellis_assets.adapters.bittensor.response_memory import AnswerInArrival, AnswerMemory
from trellis_assets.adapters.http_client.request import encode_request
from trellis_assets.adapters.http_client.response import MalformedResponseError, ResponseReader
from trellis_assets.domain.tasks import printable

CONNECT_TIMEOUT_S = 5.0
_READ_BYTES = 32 * 1024
# The subnet has at most 256 neurons. A quarter of the files this process may open is left to everything else.
_MOST_CONNECTIONS = 256


class ValidatorTransport:
    """HTTP/1.1 over a new connection per call. Follows no redirect, keeps no cookie, uses no proxy.

    Safe to use from several event loops.
    """

    def __init__(self) -> None:
        self._memory = AnswerMemory()
        self._slots: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    async def post(
        self, ip: str, port: int, request: HttpRequest, *, timeout_s: float
    ) -> HttpAnswer | CallFailure:
        """Return what the server answers to one POST within `timeout_s`.

        The time covers connecting (at most `CONNECT_TIMEOUT_S` of it), sending and the whole answer. A call
        that waits for a free connection waits before its time begins.
        """
        async with self._slot():
            reader = ResponseReader(request.bounds)
            with self._memory.holder(reader) as memory:
                exchange = _Exchange(ip, port, reader, memory)
                return await exchange.run(request, timeout_s)

    def _slot(self) -> asyncio.Semaphore:
        loop = asyncio.get_running_loop()
        if loop not in self._slots:
            self._slots[loop] = asyncio.Semaphore(_connections_allowed())
        return self._slots[loop]


def _connections_allowed() -> int:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_CONNECTIONS if files < 0 else max(8, min(_MOST_CONNECTIONS, files * 3 // 4))


class _Exchange:
    """One request and its response over one socket."""

    def __init__(self, ip: str, port: int, reader: ResponseReader, memory: AnswerInArrival) -> None:
        self._ip, self._port, self._reader, self._memory = ip, port, reader, memory
        self._is_connected = False

    async def run(self, request: HttpRequest, timeout_s: float) -> HttpAnswer | CallFailure:
        """Return the answer, or why there is none."""
        started = time.monotonic()
        failure = await self._failure_of(request, timeout_s, started)
        body = self._reader.close()
        if failure is not None:
            body.clear()
            return failure
        took_s = time.monotonic() - started
        return HttpAnswer(self._reader.status, body, self._reader.date, took_s)

    async def _failure_of(self, request: HttpRequest, timeout_s: float, started: float) -> CallFailure | None:
        """Make the call, and return what went wrong."""
        try:
            family, host = _address(self._ip)
            data = _encode(request, f"{host}:{self._port}")
            async with asyncio.timeout(timeout_s):
                with contextlib.closing(socket.socket(family, socket.SOCK_STREAM)) as connection:
                    await self._connect(connection, timeout_s)
                    await self._talk(connection, data)
        except TimeoutError:
            waited = time.monotonic() - started
            doing = "no whole answer" if self._is_connected else "no connection"
            return self._failure(f"{doing} within {waited:.1f} s")
        except MalformedResponseError as error:
            return self._failure(f"malformed response: {error}", is_malformed=True)
        except (OSError, OverflowError, ValueError) as error:
            doing = "the connection broke" if self._is_connected else "no connection"
            return self._failure(f"{doing}: {error}")
        if self._memory.is_dropped:
            return self._failure("the answer came too slowly while others needed its memory")
        return None

    def _failure(self, reason: str, *, is_malformed: bool = False) -> CallFailure:
        return CallFailure(
            printable(reason, 300), never_sent=not self._is_connected, is_malformed=is_malformed
        )

    async def _connect(self, connection: socket.socket, timeout_s: float) -> None:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with asyncio.timeout(min(CONNECT_TIMEOUT_S, timeout_s)):
            await asyncio.get_running_loop().sock_connect(connection, (self._ip, self._port))
        self._is_connected = True

    async def _talk(self, connection: socket.socket, data: bytes) -> None:
        """Send and receive at the same time: a refusal may come before a long request is sent."""
        sending = asyncio.create_task(_send(connection, data))
        try:
            await self._receive(connection)
        finally:
            sending.cancel()
            await asyncio.wait([sending])

    async def _receive(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while not self._reader.is_complete:
            await self._memory.wait_for_room(_READ_BYTES)
            if self._memory.is_dropped:
                return
            data = await loop.sock_recv(connection, _READ_BYTES)
            if not data:
                self._reader.end()
                return
            self._reader.feed(data)
            # `sock_recv` returns at once while bytes are there: others get their turn, deadlines fire.
            await asyncio.sleep(0)


async def _send(connection: socket.socket, data: bytes) -> None:
    # A broken connection is told by what is then received: an early refusal, or nothing.
    with contextlib.suppress(OSError):
        await asyncio.get_running_loop().sock_sendall(connection, data)


def _address(ip: str) -> tuple[socket.AddressFamily, str]:
    """Return the address's family, and how it is written in `Host`. Names are not looked up.

    Raises:
        ValueError: not an IP address.
    """
    address = ipaddress.ip_address(ip)
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise ValueError("an address with a zone is not one on the internet")
        return socket.AF_INET6, f"[{address}]"
    return socket.AF_INET, str(address)


def _encode(request: HttpRequest, host: str) -> bytes:
    """Return the request's bytes.

    Raises:
        ValueError: a header holds what would end it.
    """
    headers = request.headers | {
        "Host": host,
        "Content-Length": str(len(request.body)),
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    return encode_request("POST", request.path, headers, request.body)
