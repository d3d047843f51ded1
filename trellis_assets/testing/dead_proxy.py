"""A proxy that reaches nothing: it refuses every request and counts them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class DeadProxy:
    """What a proxy was asked for.

    Attributes:
        url: for `http_proxy` and its kin.
        asked: how many requests came.
    """

    def __init__(self, url: str) -> None:
        self.url, self.asked = url, 0


@contextmanager
def dead_proxy() -> Iterator[DeadProxy]:
    """Serve on 127.0.0.1 until the block ends: CONNECT and plain requests are answered 502."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def _refuse(self) -> None:
            proxy.asked += 1
            self.send_error(502, "nobody can be reached from here")

        do_CONNECT = do_GET = do_POST = do_HEAD = _refuse  # noqa: N815 - names of the protocol

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy = DeadProxy(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, name="dead-proxy", daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
