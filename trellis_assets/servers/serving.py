"""Run uvicorn with limits on connections, for all our servers.

uvicorn bounds neither the time for headers and bodies nor the number of connections that wait; its
`limit_concurrency` counts them and answers everybody 503.
"""

import asyncio
import resource
import time
from contextlib import suppress
from typing import Any, cast

import h11
import psutil
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from trellis_assets.servers.connections import (
    Connection,
    ConnectionLimits,
    ConnectionTable,
    Phase,
    affordable,
)

# Accepted at once, before any is counted: fewer than the file descriptors that stay free.
_BACKLOG = 32
_STOP_S = 5
_WEBSOCKET_MESSAGE = 1024 * 1024
_NO_ROOM = (
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\n"
    b"content-type: text/plain\r\ncontent-length: 21\r\n\r\ntoo many connections\n"
)


class LimitedProtocol(H11Protocol):
    """uvicorn's HTTP protocol over a table of connections."""

    def __init__(self, table: ConnectionTable["LimitedProtocol"], **keywords: Any) -> None:
        super().__init__(**keywords)
        self._table = table
        self._known: Connection | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or refuse it where there is no room."""
        super().connection_made(transport)
        for protocol in self._table.members():
            if protocol.is_gone():
                self._table.drop(protocol)
        peer = self.client[0] if self.client else ""
        self._known, victim = self._table.admit(self, peer, time.monotonic())
        if victim is not None:
            victim.transport.abort()
        if self._known is None:
            transport.write(_NO_ROOM)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._table.drop(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request."""
        if self._known is not None:
            self._known.received += len(data)
        super().data_received(data)
        self.note()

    def on_response_complete(self) -> None:
        """Note that the next request may come."""
        super().on_response_complete()
        self.note()

    def resume_writing(self) -> None:
        """Note that the peer reads."""
        super().resume_writing()
        if self._known is not None:
            self._known.note_unsent(0, time.monotonic())

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection to the websocket protocol, if there is room for one more."""
        if not self._table.may_upgrade():
            self.transport.write(_NO_ROOM)
            self.transport.close()
            return
        if self._known is not None:
            self._known.enter(Phase.WEBSOCKET, time.monotonic())
        super().handle_websocket_upgrade(event)

    def note(self) -> None:
        """Bring what is known of the connection up to date."""
        if self._known is None or self._known.phase is Phase.WEBSOCKET:
            return
        now = time.monotonic()
        self._known.enter(self._phase(), now)
        self._known.note_unsent(self.transport.get_write_buffer_size(), now)

    def is_gone(self) -> bool:
        """Return whether it was a websocket that has ended, which only the websocket protocol is told."""
        is_websocket = self._known is not None and self._known.phase is Phase.WEBSOCKET
        return is_websocket and self.transport.is_closing()

    def _phase(self) -> Phase:
        if self.conn.their_state is h11.SEND_BODY:
            # While we do not read the body, it is not late by the peer's fault.
            return Phase.WORKING if self.flow.read_paused else Phase.BODY
        if self.cycle is None or self.cycle.response_complete:
            return Phase.HEADERS
        return Phase.WORKING


def configured(
    app: ASGIApp, *, host: str, port: int, log_level: str, limits: ConnectionLimits | None = None
) -> uvicorn.Config:
    """Return uvicorn's configuration for an application, with limits on its connections."""
    limits = limits or ConnectionLimits()
    file_limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    table: ConnectionTable[LimitedProtocol] = ConnectionTable(
        limits, affordable(limits, file_limit, psutil.Process().num_fds())
    )

    def protocol(**keywords: Any) -> LimitedProtocol:
        return LimitedProtocol(table, **keywords)

    async def close_overdue() -> None:
        for known in table.members():
            known.note()
            if known.is_gone():
                table.drop(known)
        for late in table.overdue(time.monotonic()):
            late.transport.abort()

    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level=log_level,
        # uvicorn only calls it.
        http=cast("type[asyncio.Protocol]", protocol),
        # Called once a second by the server's own loop.
        callback_notify=close_overdue,
        timeout_notify=0,
        # uvloop accepts without regard to the file limit.
        loop="asyncio",
        backlog=_BACKLOG,
        h11_max_incomplete_event_size=limits.header_bytes,
        ws_max_size=_WEBSOCKET_MESSAGE,
        server_header=False,
        # Limits go by the socket's address, not by one that a header claims.
        proxy_headers=False,
        timeout_graceful_shutdown=_STOP_S,
    )


def limited_server(
    app: ASGIApp, *, host: str, port: int, log_level: str, limits: ConnectionLimits | None = None
) -> uvicorn.Server:
    """Return uvicorn's server for an application, with limits on its connections."""
    return uvicorn.Server(configured(app, host=host, port=port, log_level=log_level, limits=limits))


def serve(
    app: ASGIApp, *, host: str, port: int, log_level: str, limits: ConnectionLimits | None = None
) -> None:
    """Serve until stopped by a signal."""
    # The signal has ended the server in good order before it is raised again.
    with suppress(KeyboardInterrupt):
        limited_server(app, host=host, port=port, log_level=log_level, limits=limits).run()
