"""Read the chain within a deadline: a child process asks it, and is killed when its time is over."""

import json
import os
import selectors
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

from trellis_assets.adapters.bittensor.chain_errors import explain
from trellis_assets.ports import MetagraphError
from trellis_assets.system.bare_environment import bare_environment

# For everything: name look-up, connection, handshake and every call.
DEADLINE_S = 30.0
# 256 neurons are 50 kB.
MAX_ANSWER_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ChainQuestion:
    """What is to be read, and how the node is named in messages.

    Attributes:
        endpoint: ws:// or wss:// URL; may hold an access key, and stands in no message.
        shown_as: names the node for people.
        with_genesis: also read the hash of block 0.
    """

    endpoint: str
    netuid: int
    shown_as: str
    with_genesis: bool = False
    deadline_s: float = DEADLINE_S


def read_chain(question: ChainQuestion) -> dict[str, Any]:
    """Return the metagraph as the chain client decoded it: see `chain_child`.

    Whatever interrupts the call (a signal's exception too) ends the child.

    Raises:
        MetagraphError: what is wrong with the chain, and what to do.
    """
    child = subprocess.Popen(
        [sys.executable, "-m", "trellis_assets.adapters.bittensor.chain_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=bare_environment(),
        # A Ctrl-C at the terminal goes to us, and we end the child.
        start_new_session=True,
    )
    try:
        answer = _talk(child, question)
    finally:
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()
    if "error" in answer:
        raise MetagraphError(explain(answer["error"], question.shown_as))
    return answer


def _talk(child: subprocess.Popen[bytes], question: ChainQuestion) -> dict[str, Any]:
    assert child.stdin is not None
    assert child.stdout is not None
    request = {
        "endpoint": question.endpoint,
        "netuid": question.netuid,
        "with_genesis": question.with_genesis,
        "deadline_s": question.deadline_s,
    }
    until = time.monotonic() + question.deadline_s
    try:
        # Its input stays open: the child ends with it.
        child.stdin.write(json.dumps(request).encode() + b"\n")
        child.stdin.flush()
        text = _read_to_end(child.stdout.fileno(), until)
    except BrokenPipeError:
        text = b""
    if text is None:
        raise MetagraphError(
            f"the chain does not answer: {question.shown_as} gave no complete answer within "
            f"{question.deadline_s:.0f} s; check the connection, or use another node (TRELLIS_NETWORK)"
        )
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise MetagraphError(
            f"the chain cannot be read: the process that read {question.shown_as} ended without an answer "
            f"(exit code {child.wait()}); its answer may have been too large for "
            "the memory that a read may use"
        )
    return answer


def _read_to_end(file: int, until: float) -> bytes | None:
    """Return all bytes up to the end of the file; None when the time is over before."""
    chunks: list[bytes] = []
    size = 0
    with selectors.DefaultSelector() as selector:
        selector.register(file, selectors.EVENT_READ)
        while (left := until - time.monotonic()) > 0:
            if not selector.select(left):
                continue
            chunk = os.read(file, 65536)
            if not chunk:
                return b"".join(chunks)
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_ANSWER_BYTES:
                return b""
    return None
