"""A real HTTP server on a free port whose every byte the test decides."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# How long a client waits in tests where some answers are never to come; what comes is there in time on a busy
# machine too.
PATIENCE_S = 3.0


class Request(BaseHTTPRequestHandler):
    """One request, with its body read; the responder writes what it likes."""

    protocol_version = "HTTP/1.1"
    responder: Callable[["Request"], None]
    body: bytes

    def _respond(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.close_connection = True
        try:
            type(self).responder(self)
        except (BrokenPipeError, ConnectionResetError):
            return  # the client hung up, as some tests want it to

    do_GET = do_POST = _respond  # noqa: N815 - the names that http.server calls

    def answer(self, body: bytes, *, status: int = 200, **headers: str) -> None:
        """Send a whole answer."""
        self.send_response(status)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in ({"content-length": str(len(body))} | named).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Log nothing."""


def too_slow(_: Request) -> None:
    """Answer nothing until the client has lost its patience."""
    time.sleep(PATIENCE_S + 0.5)


@contextmanager
def serving(responder: Callable[[Request], None], *, port: int = 0) -> Iterator[str]:
    """Yield the base URL of a server that answers every request by `responder`; port 0: a free one."""
    handler = type("Scripted", (Request,), {"responder": staticmethod(responder)})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
