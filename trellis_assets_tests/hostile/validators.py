"""Hostile validators as the metagraph lists them: one for every attack."""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from trellis_assets.testing.hostile_peer import (
    A_TASK,
    ATTACKS,
    TASKS_WITH_A_BOMB,
    Attack,
    Conversation,
    HostilePeer,
    answers,
    hostile_peer,
    redirects,
)

FIRST_UID = 1000
# So long such a validator says to rest after a task of its own: its tasks are work like any other's, and
# shall not be what slows the miner.
REST_S = 180
# How the submission of such a task is answered.
ON_SUBMISSION = (
    "silence", "headers that drip", "a task beside 30,000 lists", "punycode over gzip", "a body without end",
)  # fmt: skip


@dataclass
class HostileValidators:
    """All of them, while they serve.

    Attributes:
        names: of the attacks.
        led_to: where redirects lead; nobody should ever come.
    """

    peers: dict[str, HostilePeer]
    led_to: HostilePeer

    @property
    def polls(self) -> int:
        """Return how often they were called."""
        return sum(len(peer.requests) for peer in self.peers.values())

    @property
    def never_polled(self) -> list[str]:
        """Attacks that did not take place."""
        return [name for name, peer in self.peers.items() if not peer.requests]

    def entries(self) -> list[dict[str, object]]:
        """As a metagraph file lists them: with more stake than anybody, so that they are asked first."""
        return [
            {
                "uid": FIRST_UID + number,
                "hotkey": f"5Hostile{number}".ljust(48, "H"),
                "ip": "127.0.0.1",
                "port": peer.port,
                "stake": 90_000.0 + number,
                "validator_permit": True,
            }
            for number, peer in enumerate(self.peers.values())
        ]


@contextmanager
def hostile_validators(names: list[str] | None = None) -> Iterator[HostileValidators]:
    """Serve one validator per attack on 127.0.0.1 until the block ends; by default all of them."""
    with ExitStack() as stack:
        led_to = stack.enter_context(hostile_peer(answers(A_TASK)))
        known = _all(f"http://127.0.0.1:{led_to.port}/graphql?query=mutation%7BstopSensor%7D")
        chosen = {name: known[name] for name in names or known}
        peers = {name: stack.enter_context(hostile_peer(attack)) for name, attack in chosen.items()}
        yield HostileValidators(peers, led_to)


def _all(elsewhere: str) -> dict[str, Attack]:
    on_pull = ATTACKS | {f"a redirect with {status}": redirects(elsewhere, status) for status in (302, 307)}
    on_submission = {
        f"{name}, at the submission": _tasks_then(({**ATTACKS, **TASKS_WITH_A_BOMB})[name])
        for name in ON_SUBMISSION
    } | {"a redirect with 307, at the submission": _tasks_then(redirects(elsewhere, 307))}
    bombs = {name: _tasks_then(answers(b"{}"), pull) for name, pull in TASKS_WITH_A_BOMB.items()}
    return on_pull | on_submission | bombs


def _tasks_then(on_submission: Attack, on_task: Attack | None = None) -> Attack:
    """Hand out a task now and then, and answer its submission by the attack."""
    numbers, next_task_at = itertools.count(), [0.0]

    def attack(peer: Conversation) -> None:
        if b"/SubmitResults" in peer.request[:100]:
            on_submission(peer)
        elif time.time() < next_task_at[0]:
            peer.answer(json.dumps({"cooldown_until": int(next_task_at[0]) + 1}).encode())
        else:
            next_task_at[0] = time.time() + REST_S
            (on_task or _fresh_task(next(numbers)))(peer)

    return attack


def _fresh_task(number: int) -> Callable[[Conversation], None]:
    task = {"type": "text", "id": f"hostile-{number}-{time.time_ns()}", "prompt": f"a red vase {number}"}
    return answers(json.dumps({"task": task, "validation_threshold": 0.6, "throttle_period": 5}).encode())
