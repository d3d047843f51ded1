"""Generation servers that misbehave: real HTTP against the real steps, and what becomes of the task."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import zstandard

from trellis_assets.adapters.file_storage.local import LocalFileStore
from trellis_assets.adapters.generation.http import HttpGenerator
from trellis_assets.adapters.splat_io.codec import BytesCodec
from trellis_assets.adapters.splat_io.ply import write_ply
from trellis_assets.adapters.splat_io.spz import PAYLOAD_MAGIC, encode_spz
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.learning.candidate_rules import MOST_PROBLEMS
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.submissions import SubmissionKind, SubmissionOutcome
from trellis_assets.domain.task_policies import GenerationPolicy
from trellis_assets.domain.tasks import TaskKind, TaskState
from trellis_assets.ports import TaskAssigned
from trellis_assets.servers.generation.app import generation_app
from trellis_assets.testing.fakes import FakeClock, ScriptedNetwork, a_pulled_task, a_validator, an_answer
from trellis_assets.testing.hostile_server import PATIENCE_S, Request, serving, too_slow
from trellis_assets.testing.splats import a_ball, with_first
from trellis_assets.testing.waiting import wait_until
from trellis_assets_tests.faults.miner import REST_S, Miner
from trellis_assets_tests.trellis_package import trellis_backend

ONE = a_validator(1)
SPZ = encode_spz(a_ball())
PLY = write_ply(a_ball())
LIMIT = 1 << 20


def all_nan() -> GaussianSplats:
    ball = a_ball()
    return replace(ball, positions=np.full_like(ball.positions, np.nan))


def bomb() -> bytes:
    """Half a gigabyte that claims to be a model, in a few kilobytes."""
    squeezer = zstandard.ZstdCompressor(level=1).compressobj()
    zeros = bytes(1 << 24)
    head = squeezer.compress(PAYLOAD_MAGIC + b"\x02\0\0\0" + b"\x80\x96\x98\0" + bytes(4))
    return head + b"".join(squeezer.compress(zeros) for _ in range(32)) + squeezer.flush()


def answers(data: bytes, *, status: int = 200, **headers: str) -> Callable[[Request], None]:
    return lambda request: request.answer(data, status=status, **headers)


@dataclass
class Server:
    """How the server answers, and how often it was asked."""

    respond: Callable[[Request], None]
    asked: int = 0
    sent: int = 0

    def __call__(self, request: Request) -> None:
        self.asked += 1
        self.respond(request)

    def two_gigabytes(self, request: Request) -> None:
        """As many as the client takes; what it took is counted."""
        request.send_response(200)
        request.send_header("content-length", str(2 << 30))
        request.end_headers()
        for _ in range(2 << 10):
            request.wfile.write(bytes(1 << 20))
            self.sent += 1 << 20


@dataclass
class Shop:
    """A miner whose generation server is the test's."""

    miner: Miner
    network: ScriptedNetwork

    def runs(self, task_id: str, *outcomes: SubmissionOutcome) -> TaskState:
        """Return a task of this id that has had its run; its validator answers so."""
        prompt = f"a ball for {task_id}"
        self.network.pulls[ONE.hotkey] = [TaskAssigned(a_pulled_task(task_id, prompt))]
        self.network.answers = [an_answer(outcome) for outcome in outcomes]
        self.miner.round()
        return self.miner.tasks()[-1].state

    def heals(self) -> None:
        """The next task has a slot, a model and its answer."""
        assert self.runs("healthy", SubmissionOutcome.ACCEPTED) is TaskState.ACCEPTED


@pytest.fixture
def shop(store: SqlStore, files: LocalFileStore, clock: FakeClock) -> Shop:
    network = ScriptedNetwork([ONE])
    return Shop(Miner(store, files, clock, network), network)


@contextmanager
def generating(shop: Shop, server: Server, *, timeout_s: float = PATIENCE_S) -> Iterator[None]:
    with serving(server) as url:
        shop.miner.generator = HttpGenerator([url], timeout_s=timeout_s, max_answer_bytes=LIMIT)
        yield


BAD_MODELS: dict[str, tuple[Callable[[Request], None], str]] = {
    "a truncated PLY": (answers(PLY[: len(PLY) // 2]), "generation_failed: .*no model"),
    "a PLY cut in its header": (answers(PLY[:60]), "generation_failed: .*no model"),
    "an empty body": (answers(b""), "generation_failed: .*no bytes at all"),
    "a truncated SPZ": (answers(SPZ[: len(SPZ) // 2]), "generation_failed: .*no model"),
    "a zstd bomb": (answers(bomb()), "generation_failed: .*no model"),
    "JSON": (answers(b'{"detail": "sorry"}'), "generation_failed: .*no model"),
}


@pytest.mark.parametrize("fault", BAD_MODELS)
def test_what_is_no_model_is_handed_back_at_once_and_the_next_task_is_served(shop: Shop, fault: str) -> None:
    respond, reason = BAD_MODELS[fault]
    server = Server(answers(SPZ))
    with generating(shop, server):
        shop.heals()
        server.respond, asked = respond, server.asked
        assert shop.runs("faulty", SubmissionOutcome.HANDED_BACK) is TaskState.HANDED_BACK
        task = shop.miner.tasks()[-1]
        assert server.asked == asked + 1, "asking again would bring the same"
        assert re.match(reason, task.reason or ""), task.reason
        assert shop.network.submitted[-1][1] is SubmissionKind.HAND_BACK
        server.respond = answers(SPZ)
        assert shop.runs("next", SubmissionOutcome.ACCEPTED) is TaskState.ACCEPTED


def test_a_model_of_nothing_but_nan_costs_another_seed_and_then_the_task(shop: Shop) -> None:
    server = Server(answers(write_ply(all_nan())))
    with generating(shop, server):
        assert shop.runs("faulty", SubmissionOutcome.HANDED_BACK) is TaskState.HANDED_BACK
        assert shop.miner.only_task().reason == "invalid_model: no usable splat of 8000"
        assert server.asked == MOST_PROBLEMS, "each time with another seed"
        server.respond = answers(SPZ)
        assert shop.runs("next", SubmissionOutcome.ACCEPTED) is TaskState.ACCEPTED


NOT_OURS: dict[str, Callable[[Request], None]] = {
    "a web page": answers(b"<html>hello", content_type="text/html"),
    "404": answers(b"no such page", status=404),
    "405": answers(b"no", status=405),
    "401": answers(b'{"detail": "a token is wanted"}', status=401),
    "a route that it lacks": answers(b'{"detail": "no picture route"}', status=501),
    "422 to every prompt": answers(b'{"detail": "field required: text"}', status=422),
    "400 to every prompt": answers(b'{"detail": "unknown field"}', status=400),
    "JSON to every prompt": answers(b'{"detail": "sorry"}'),
    "500 to every prompt": answers(b"no module named trellis", status=500),
}


def until(clock: FakeClock, after_s: float, fault: Callable[[Request], None]) -> Callable[[Request], None]:
    """Return the fault, until the server is mended so much later."""
    mended_at = clock.now() + timedelta(seconds=after_s)

    def respond(request: Request) -> None:
        (answers(SPZ) if clock.now() >= mended_at else fault)(request)

    return respond


@pytest.mark.parametrize("fault", NOT_OURS)
def test_what_an_endpoint_says_to_every_prompt_hands_no_task_back_while_it_may_be_mended(
    shop: Shop, clock: FakeClock, fault: str
) -> None:
    """It has made no model yet: the fault is taken for its own, and the task is kept for it."""
    server = Server(NOT_OURS[fault])
    with generating(shop, server):
        server.respond = until(clock, REST_S + 400, NOT_OURS[fault])
        assert shop.runs("first", SubmissionOutcome.ACCEPTED) is TaskState.ACCEPTED
    assert server.asked > 2
    assert [kind for _, kind, _ in shop.network.submitted] == [SubmissionKind.RESULT]


@pytest.mark.parametrize("fault", ["422 to every prompt", "JSON to every prompt"])
def test_the_third_prompt_in_a_row_that_an_endpoint_refuses_speaks_against_the_endpoint(
    shop: Shop, clock: FakeClock, fault: str
) -> None:
    server = Server(answers(SPZ))
    with generating(shop, server):
        shop.heals()
        server.respond = NOT_OURS[fault]
        for name in ("a", "b"):
            assert shop.runs(name, SubmissionOutcome.HANDED_BACK) is TaskState.HANDED_BACK
        server.respond = until(clock, REST_S + 60, NOT_OURS[fault])
        assert shop.runs("c", SubmissionOutcome.ACCEPTED) is TaskState.ACCEPTED, "it was waited for"


def test_a_prompt_that_our_server_calls_at_fault_is_handed_back_at_once(shop: Shop) -> None:
    refused = answers(b'{"detail": "the picture shows no object"}', status=422, x_fault="prompt")
    server = Server(refused)
    with generating(shop, server):
        assert shop.runs("faulty", SubmissionOutcome.HANDED_BACK) is TaskState.HANDED_BACK
        assert server.asked == 1
        (endpoint,) = shop.miner.store.endpoints.named(shop.miner.generator.endpoints)
        assert (endpoint.failures, endpoint.failed_prompts) == (0, ())


def test_a_server_without_trellis_hands_nothing_back_and_the_miner_says_why(
    shop: Shop, serve: Callable[[Any], str]
) -> None:
    """Our own server, over the real backend, in an environment without TRELLIS's package."""
    backend = trellis_backend({TaskKind.TEXT: "weights"})
    url = serve(generation_app(backend, BytesCodec()))
    shop.miner.generator = HttpGenerator([url], timeout_s=PATIENCE_S)
    wait_until(lambda: "failed" in (shop.miner.generator.probe()[0].trouble or ""))
    assert "is failed: the TRELLIS package is not installed" in (shop.miner.closed() or "")
    shop.miner.policy = replace(shop.miner.policy, endpoints=shop.miner.generator.endpoints)
    shop.miner.pull()
    assert shop.network.pulled == [], "nothing is pulled"
    with serving(answers(SPZ)) as other:
        shop.miner.generator = HttpGenerator([url, other], timeout_s=PATIENCE_S)
        shop.miner.policy = replace(shop.miner.policy, endpoints=shop.miner.generator.endpoints)
        shop.heals()
    assert [kind for _, kind, _ in shop.network.submitted] == [SubmissionKind.RESULT], (
        "nothing is handed back"
    )


def test_two_gigabytes_are_not_read(shop: Shop) -> None:
    server = Server(answers(b""))
    server.respond = server.two_gigabytes
    with generating(shop, server, timeout_s=10):
        assert shop.runs("faulty", SubmissionOutcome.HANDED_BACK) is TaskState.HANDED_BACK
        assert f"more than {LIMIT} bytes" in (shop.miner.only_task().reason or "")
        assert server.sent < 64 << 20, "the client hung up; the rest fills socket buffers at most"
        server.respond = answers(SPZ)
        shop.heals()


def test_a_few_splats_that_are_none_cost_only_themselves(shop: Shop) -> None:
    spoilt = with_first(a_ball(), positions=[np.nan, 0, 0])
    with generating(shop, Server(answers(write_ply(spoilt)))):
        assert shop.runs("spoilt", SubmissionOutcome.ACCEPTED) is TaskState.ACCEPTED
    generation = shop.miner.only_task().generation
    assert generation is not None
    assert generation.splat_count == 7999


def test_a_model_that_spz_cannot_hold_is_handed_back_after_other_seeds(shop: Shop) -> None:
    """Without preparation nothing removes NaN: the encoder refuses."""
    shop.miner.generation = GenerationPolicy(prepare=False)
    server = Server(answers(write_ply(all_nan())))
    with generating(shop, server):
        assert shop.runs("faulty", SubmissionOutcome.HANDED_BACK) is TaskState.HANDED_BACK
    assert (shop.miner.only_task().reason or "").startswith("invalid_model: positions holds NaN")
    assert server.asked == MOST_PROBLEMS


def failing(times: int, fault: Callable[[Request], None]) -> Callable[[Request], None]:
    """So often the fault, then a model."""
    left = [times]

    def respond(request: Request) -> None:
        left[0] -= 1
        (fault if left[0] >= 0 else answers(SPZ))(request)

    return respond


PASSING: dict[str, Callable[[Request], None]] = {
    "answers 500": answers(b"out of memory", status=500),
    "answers 503": answers(b"busy", status=503, retry_after="1"),
    "hangs up": lambda _: None,
    "is slow": too_slow,
    "breaks off": answers(SPZ, content_length=str(len(SPZ) + 5)),
}


@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_is_waited_out_and_the_task_is_answered(shop: Shop, fault: str) -> None:
    server = Server(failing(2, PASSING[fault]))
    with generating(shop, server):
        assert shop.runs("task", SubmissionOutcome.ACCEPTED) is TaskState.ACCEPTED
    assert server.asked == 3
    assert [kind for _, kind, _ in shop.network.submitted] == [SubmissionKind.RESULT]


@pytest.mark.parametrize("fault", PASSING)
def test_what_does_not_pass_is_handed_back_and_the_next_task_is_served(shop: Shop, fault: str) -> None:
    server = Server(PASSING[fault])
    with generating(shop, server):
        assert shop.runs("task", SubmissionOutcome.HANDED_BACK) is TaskState.HANDED_BACK
        assert (shop.miner.only_task().reason or "").startswith("generation_failed: ")
        server.respond = answers(SPZ)
        shop.heals()


def test_a_server_that_is_down_hands_back_what_is_in_hand_and_says_why(shop: Shop) -> None:
    with serving(answers(SPZ)) as url:
        pass
    shop.miner.generator = HttpGenerator([url], timeout_s=PATIENCE_S)
    assert shop.runs("task", SubmissionOutcome.HANDED_BACK) is TaskState.HANDED_BACK
    assert "cannot be reached" in (shop.miner.only_task().reason or "")
    assert "cannot be reached" in (shop.miner.closed() or ""), "nothing is pulled meanwhile"
    with generating(shop, Server(answers(SPZ))):
        shop.heals()


def test_one_server_of_two_that_is_down_costs_no_task(shop: Shop) -> None:
    with serving(answers(SPZ)) as dead:
        pass
    with serving(answers(SPZ)) as alive:
        shop.miner.generator = HttpGenerator([dead, alive], timeout_s=PATIENCE_S)
        assert shop.runs("task", SubmissionOutcome.ACCEPTED) is TaskState.ACCEPTED
    assert [kind for _, kind, _ in shop.network.submitted] == [SubmissionKind.RESULT]
