"""A validator as a real HTTP server that answers the miner as badly as the test likes."""

import gzip
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from trellis_assets.domain.validators import Validator
from trellis_assets.testing.hostile_server import Request, serving

# Unix seconds: later than any cooldown that counts, on every clock of the tests.
FAR_AHEAD = 4_000_000_000
Answer = Callable[[Request], None]
TASK = {"type": "text", "id": "task-1", "prompt": "a red ball"}
GOOD_FEEDBACK = {
    "validation_failed": False,
    "task_fidelity_score": 0.8,
    "average_fidelity_score": 0.9,
    "generations_within_the_window": 3,
    "current_duel_rating": 1500.0,
    "current_miner_reward": 4500.0,
}


def filled(**fields: Any) -> Answer:
    """Return what the miner sent with these fields filled in, as an Axon answers."""

    def answer(request: Request) -> None:
        body = json.loads(request.body) | fields
        request.answer(json.dumps(body).encode(), content_type="application/json")

    return answer


def task(**fields: Any) -> Answer:
    """Return an answer with the task and the other fields."""
    return filled(**{"task": TASK, "validation_threshold": 0.6, "throttle_period": 30} | fields)


def accepted(**feedback: Any) -> Answer:
    """Return the answer to an accepted result; feedback fields may be changed."""
    return filled(feedback=GOOD_FEEDBACK | feedback, cooldown_until=FAR_AHEAD)


def nothing() -> Answer:
    """Neither a task nor a cooldown."""
    return filled(task=None)


def body(data: bytes, *, status: int = 200, **headers: str) -> Answer:
    """Answer these bytes, said to be JSON."""
    headers = {"content_type": "application/json"} | headers
    return lambda request: request.answer(data, status=status, **headers)


def reset(request: Request) -> None:
    """Reset the connection before a byte of an answer."""
    linger = struct.pack("ii", 1, 0)
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    request.connection.close()


def reset_in_the_body(request: Request) -> None:
    """Half an answer, then the connection is torn down."""
    request.send_response(200)
    request.send_header("content-type", "application/json")
    request.send_header("content-length", "1000")
    request.end_headers()
    request.wfile.write(b'{"task": {"id": "ta')
    request.wfile.flush()
    reset(request)


def endless(request: Request) -> None:
    """Send more bytes than anyone should read: two gigabytes, unless the miner hangs up."""
    request.send_response(200)
    request.send_header("content-type", "application/json")
    request.end_headers()
    for _ in range(2048):
        request.wfile.write(b"[" * (1 << 20))


def gzip_bomb(request: Request) -> None:
    """Send a hundred megabytes in a hundred kilobytes."""
    squeezed = gzip.compress(bytes(100 << 20), 1)
    request.answer(squeezed, content_type="application/json", content_encoding="gzip")


class FaultyAxon:
    """What it answers is told by the test; what it was sent is remembered."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self.on_pull: Answer = nothing()
        self.on_submit: Answer = accepted()
        self.submitted: list[tuple[str, bool]] = []
        self.pulls = 0

    def hang(self, _: Request) -> None:
        """Answer nothing until the test is over."""
        self.stopped.wait(20)

    def __call__(self, request: Request) -> None:
        """Answer as told."""
        if request.path == "/PullTask":
            self.pulls += 1
            self.on_pull(request)
        else:
            sent = json.loads(request.body)
            self.submitted.append((sent["task_id"], sent["results"] != ""))
            self.on_submit(request)

    @property
    def results(self) -> int:
        """Return how many submissions carried a model."""
        return sum(is_result for _, is_result in self.submitted)


@contextmanager
def axon_at(axon: FaultyAxon, uid: int = 1) -> Iterator[Validator]:
    """Yield the validator as the metagraph lists it, while it serves."""
    with serving(axon) as url:
        try:
            yield Validator(
                uid, f"5Validator{uid}", "127.0.0.1", int(url.rsplit(":", 1)[1]), stake=9000.0 - uid
            )
        finally:
            axon.stopped.set()
