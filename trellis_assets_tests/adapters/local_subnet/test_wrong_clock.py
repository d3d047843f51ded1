"""A miner whose clock is wrong before a real Axon: it is served, and keeps its cooldowns."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from trellis_assets.adapters.bittensor.responses import offset_in
from trellis_assets.adapters.local_subnet.rules import Rules
from trellis_assets.domain.submissions import SubmissionKind, SubmissionOutcome
from trellis_assets.ports import CoolingDown, HttpExchange, TaskAssigned, Unreachable
from trellis_assets_tests.adapters.local_subnet.test_validator import Peer, free_port, model, open_peer

__all__ = ["free_port", "model", "open_peer"]  # fixtures


class ShiftedClock:
    """The machine's clock, wrong by so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.shift = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@pytest.fixture
def shifted(open_peer: Callable[..., Peer], monkeypatch: pytest.MonkeyPatch) -> Callable[[float], Peer]:
    def shift(seconds: float) -> Peer:
        peer = open_peer(rules=Rules(cooldown_s=300, penalty_s=600, throttle_s=0, lock_s=0))
        peer.network._clock = ShiftedClock(seconds)
        # The SDK reads the machine's clock by itself; the Axon of this process keeps the right one.
        wrong = SimpleNamespace(time_ns=lambda: time.time_ns() + int(seconds * 1e9), time=time.time)
        monkeypatch.setattr("bittensor.core.dendrite.time", wrong)
        return peer

    return shift


def ends_in_300_s(peer: Peer, until: datetime, exchange: HttpExchange | None) -> bool:
    """Not before the 300 s of the validator, and later by no more than the call leaves open."""
    assert exchange is not None
    left_s = (until - peer.network._clock.now()).total_seconds()
    return 300 - exchange.round_trip_s - 3 < left_s < 300 + exchange.round_trip_s + 3


@pytest.mark.parametrize("behind_s", [30.0, 600.0, 7 * 3600.0])
def test_a_clock_that_is_behind_is_served_by_the_validators_own_clock(
    shifted: Callable[[float], Peer], model: bytes, behind_s: float
) -> None:
    peer = shifted(-behind_s)
    task = peer.task()
    answer = peer.submit(task, model)
    assert answer.outcome is SubmissionOutcome.ACCEPTED
    assert answer.cooldown_until is not None
    assert ends_in_300_s(peer, answer.cooldown_until, answer.exchange)
    cooling = peer.pull()
    assert isinstance(cooling, CoolingDown)
    assert ends_in_300_s(peer, cooling.until, cooling.exchange)


def test_a_clock_that_is_ten_minutes_ahead_keeps_its_cooldowns(
    shifted: Callable[[float], Peer], model: bytes
) -> None:
    peer = shifted(600.0)
    answer = peer.submit(peer.task(), model)
    assert answer.outcome is SubmissionOutcome.ACCEPTED
    assert answer.cooldown_until is not None, "it lies ahead, by the validator's clock"
    assert ends_in_300_s(peer, answer.cooldown_until, answer.exchange)


def test_with_a_clock_that_is_ahead_a_hand_back_is_a_hand_back_and_a_rejection_a_rejection(
    shifted: Callable[[float], Peer],
) -> None:
    peer = shifted(600.0)
    assert peer.submit(peer.task(), b"", SubmissionKind.HAND_BACK).outcome is SubmissionOutcome.HANDED_BACK


def test_a_model_that_is_refused_is_rejected_though_the_clock_is_ahead(
    shifted: Callable[[float], Peer],
) -> None:
    peer = shifted(600.0)
    assert peer.submit(peer.task(), b"no model").outcome is SubmissionOutcome.REJECTED


@pytest.mark.parametrize("wrong_s", [-30.0, 600.0])
def test_every_answer_tells_how_wrong_the_clock_is(shifted: Callable[[float], Peer], wrong_s: float) -> None:
    peer = shifted(wrong_s)
    answer = peer.pull()
    assert isinstance(answer, TaskAssigned)
    offset = offset_in(answer.exchange, peer.network._clock.now())
    assert offset is not None
    assert abs(offset.seconds + wrong_s) < 3
    assert offset.is_wrong


def test_a_right_clock_that_is_refused_is_not_asked_twice(
    open_peer: Callable[..., Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = open_peer()
    wrong = SimpleNamespace(time_ns=lambda: 0, time=time.time)
    monkeypatch.setattr("bittensor.core.dendrite.time", wrong)
    answer = peer.pull()
    assert isinstance(answer, Unreachable)
    assert "401" in answer.reason
