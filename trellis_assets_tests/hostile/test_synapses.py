"""Every attack on the calls to validators, at the adapter: the call ends, and leaves nothing behind."""

import asyncio
import gc
import logging
import tracemalloc
from collections.abc import Iterator

import pytest

from trellis_assets.adapters.bittensor.client import BittensorNetwork
from trellis_assets.domain.submissions import SubmissionKind, SubmissionOutcome
from trellis_assets.domain.validators import Validator
from trellis_assets.ports import MalformedResponse, PollResponse, SubmissionAnswer, TaskAssigned, Unreachable
from trellis_assets.settings import Settings
from trellis_assets.system.clock import SystemClock
from trellis_assets.testing.fakes import a_task, a_validator
from trellis_assets.testing.hostile_peer import (
    A_TASK,
    ATTACKS,
    TASKS_WITH_A_BOMB,
    HostilePeer,
    answers,
    hostile_peer,
    redirects,
)

TIMEOUT_S = 1.0


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> BittensorNetwork:
    folder = tmp_path_factory.mktemp("network")
    settings = Settings.load(data_dir=folder, pull_timeout_s=TIMEOUT_S, submit_timeout_s=TIMEOUT_S)
    return BittensorNetwork(settings, SystemClock())


def at(peer: HostilePeer) -> Validator:
    return a_validator(port=peer.port, hotkey="5" + "C" * 47)


def pulled(network: BittensorNetwork, peer: HostilePeer) -> PollResponse:
    return asyncio.run(network.pull(at(peer)))


def submitted(network: BittensorNetwork, peer: HostilePeer) -> SubmissionAnswer:
    kind = SubmissionKind.RESULT
    return asyncio.run(network.submit(at(peer), task=a_task(), kind=kind, spz=b"x" * 200_000))


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attacked_pull_ends_without_a_task(network: BittensorNetwork, attack: str) -> None:
    """A drip would last as long as the server: that the call ends at all is the deadline's work."""
    with hostile_peer(ATTACKS[attack]) as peer:
        answer = pulled(network, peer)
        assert isinstance(answer, Unreachable | MalformedResponse)
        assert answer.reason.isprintable()
        assert len(answer.reason) <= 300
        peer.attack = answers(A_TASK)
        assert isinstance(pulled(network, peer), TaskAssigned), "the next answer is read as ever"


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attacked_submission_ends_with_its_outcome_unknown(network: BittensorNetwork, attack: str) -> None:
    with hostile_peer(ATTACKS[attack]) as peer:
        answer = submitted(network, peer)
        assert answer.outcome is SubmissionOutcome.ANSWER_LOST
        assert answer.message.isprintable()
        assert len(peer.requests) == 1, "a result is sent once"


@pytest.mark.parametrize("attack", TASKS_WITH_A_BOMB)
def test_a_task_with_a_bomb_beside_it_is_taken_and_the_bomb_never_built(
    network: BittensorNetwork, attack: str
) -> None:
    with hostile_peer(TASKS_WITH_A_BOMB[attack]) as peer:
        assert isinstance(pulled(network, peer), TaskAssigned)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(network: BittensorNetwork, status: int) -> None:
    """Followed, it stopped the sensor by a GraphQL mutation, and a 307 sent the result elsewhere."""
    with hostile_peer(answers(A_TASK)) as ui:
        to = f"http://127.0.0.1:{ui.port}/graphql?query=mutation%7BstopSensor%7D"
        with hostile_peer(redirects(to, status)) as peer:
            answer = pulled(network, peer)
            assert isinstance(answer, Unreachable)
            assert answer.reason == f"HTTP {status}"
            assert submitted(network, peer).outcome is SubmissionOutcome.REFUSED
        assert ui.requests == []


def test_no_proxy_of_the_environment_is_used(
    network: BittensorNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hostile_peer(answers(A_TASK)) as peer, hostile_peer(answers(b"{}")) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        assert isinstance(pulled(network, peer), TaskAssigned)
        assert proxy.requests == []


def test_no_cookie_is_sent_back(network: BittensorNetwork) -> None:
    seen: list[bytes] = []

    def attack(peer: object) -> None:
        seen.append(peer.request)  # type: ignore[attr-defined]
        answers(A_TASK, b"Set-Cookie: session=1; Max-Age=9999\r\n")(peer)  # type: ignore[arg-type]

    with hostile_peer(attack) as peer:
        pulled(network, peer)
        pulled(network, peer)
    assert len(seen) == 2
    assert not any(b"cookie" in request.lower() for request in seen)


def test_a_validators_words_reach_no_log(network: BittensorNetwork, caplog: pytest.LogCaptureFixture) -> None:
    """The SDK logged a line per header that it could not read, in the words of whoever sent it."""
    caplog.set_level(logging.DEBUG)
    with hostile_peer(TASKS_WITH_A_BOMB["hostile headers of the library"]) as peer:
        pulled(network, peer)
    assert "much" not in caplog.text
    assert "%%%" not in caplog.text


@pytest.fixture
def _without_collector() -> Iterator[None]:
    """Whatever a reference cycle holds stays, and is seen."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


FAILING = ["nested lists", "a reset in the body", "a length that is too long", "a gzip bomb", "no JSON"]


@pytest.mark.usefixtures("_without_collector")
@pytest.mark.parametrize("attack", [*FAILING, "a body that drips"])
def test_nothing_of_a_failed_answer_outlives_the_call(network: BittensorNetwork, attack: str) -> None:
    """Ten answers of a megabyte each: kept by their tracebacks, they would be ten megabytes."""
    filler = b'{"x": "' + b"x" * (1 << 20)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n"
    with hostile_peer(answers(filler)) as peer:

        async def rounds(times: int) -> None:
            for _ in range(times):
                assert isinstance(await network.pull(at(peer)), Unreachable | MalformedResponse)

        def cut_short(conversation: object) -> None:
            conversation.send(head + filler)  # type: ignore[attr-defined]
            ATTACKS[attack](conversation)  # type: ignore[arg-type]

        if attack != "no JSON":
            peer.attack = cut_short
        asyncio.run(rounds(2))
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        asyncio.run(rounds(5 if "drips" in attack else 10))
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert after - before < 1 << 20
