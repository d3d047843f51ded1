"""The poller between the ticks: the sensor is its switch, and nothing that goes wrong ends it."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from trellis_assets.orchestration import poller_thread
from trellis_assets.orchestration.poller_thread import PollerThread
from trellis_assets.ports import MetagraphError
from trellis_assets.steps.poll_validators import PollReport
from trellis_assets.testing.waiting import wait_until


class Rounds:
    """Stands for the step: counts rounds, and does in each what it is told."""

    def __init__(self) -> None:
        self.rounds: list[bool] = []
        self.finished = False
        self.goes_wrong: Exception | None = None

    async def round(self, *, may_poll: bool = True) -> None:
        import asyncio

        self.rounds.append(may_poll)
        await asyncio.sleep(0.01)
        if self.goes_wrong is not None:
            raise self.goes_wrong

    async def finish(self) -> None:
        self.finished = True

    def take_report(self) -> PollReport:
        return PollReport(polled=1, answers={"TaskAssigned": 1}, new_tasks=[len(self.rounds)])


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rounds]:
    monkeypatch.setattr(poller_thread, "SWITCHED_OFF_AFTER_S", 0.5)
    monkeypatch.setattr(poller_thread, "ERROR_BACKOFF_S", 0.01)
    monkeypatch.setattr(poller_thread, "CHECK_EVERY_S", 0.01)
    yield Rounds()
    wait_until(lambda: not any(t.name == "poller" for t in threading.enumerate()))


def poller(rounds: Rounds, closed: Callable[[], str | None] = lambda: None) -> PollerThread:
    return PollerThread(step=lambda: rounds, closed=closed)  # type: ignore[arg-type,return-value]


def test_rounds_go_on_between_ticks_and_a_tick_tells_of_them(rounds: Rounds) -> None:
    polls = poller(rounds)
    polls.tick()
    wait_until(lambda: len(rounds.rounds) > 3)
    report, hindered = polls.tick()
    assert report.polled >= 3
    assert report.answers["TaskAssigned"] == report.polled == len(report.new_tasks)
    assert hindered is None


def test_a_sensor_that_was_turned_off_ends_the_polling_after_the_polls_under_way(rounds: Rounds) -> None:
    polls = poller(rounds)
    polls.tick()
    wait_until(lambda: rounds.finished)
    ended_at = len(rounds.rounds)
    time.sleep(0.1)
    assert len(rounds.rounds) == ended_at
    polls.tick()
    wait_until(lambda: len(rounds.rounds) > ended_at)


def test_an_error_is_told_and_tried_again(rounds: Rounds) -> None:
    rounds.goes_wrong = MetagraphError("start the local subnet")
    polls = poller(rounds)
    polls.tick()
    wait_until(lambda: "start the local subnet" in str(polls.tick()[1]))
    rounds.goes_wrong = RuntimeError("what nobody thought of")
    wait_until(lambda: "what nobody thought of" in str(polls.tick()[1]))
    rounds.goes_wrong = None
    wait_until(lambda: polls.tick()[1] is None)


def test_nobody_is_asked_while_there_is_a_reason_not_to(rounds: Rounds) -> None:
    reason: list[str | None] = ["the generator is away"]
    polls = poller(rounds, lambda: reason[0])
    polls.tick()
    wait_until(lambda: len(rounds.rounds) > 2)
    assert not any(rounds.rounds)
    assert polls.tick()[1] == "the generator is away"
    reason[0] = None
    wait_until(lambda: rounds.rounds[-1])


def test_a_check_that_fails_is_told_and_made_again(rounds: Rounds, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ended the checks left the poller with what it had heard last, for ever."""
    outcomes: list[Exception | None] = [None, RecursionError("a peer's JSON"), None]

    def closed() -> None:
        outcome = outcomes.pop(0) if len(outcomes) > 1 else outcomes[0]
        if outcome is not None:
            raise outcome

    polls = poller(rounds, closed)
    told: list[str | None] = []

    def is_well_again() -> bool:
        told.append(polls.tick()[1])
        return told[-1] is None and any(told)

    monkeypatch.setattr(poller_thread, "CHECK_EVERY_S", 0.2)
    wait_until(is_well_again)
    assert any("RecursionError" in str(one) for one in told)


def test_heartbeats_come_from_the_event_loop_and_stop_with_it(
    rounds: Rounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller_thread, "BEAT_EVERY_S", 0.01)
    monkeypatch.setattr(poller_thread, "SWITCHED_OFF_AFTER_S", 2.0)
    told: list[dict[str, object]] = []
    polls = PollerThread(
        step=lambda: rounds,  # type: ignore[arg-type,return-value]
        closed=lambda: "the disk is full",
        report_progress=lambda figures: told.append(dict(figures)),
    )
    polls.tick()
    wait_until(lambda: told and told[-1]["rounds"])
    assert (told[-1]["is_running"], told[-1]["closed"]) == (True, "the disk is full")
    assert told[-1]["polls"]
    stuck = threading.Event()
    began, beats = threading.Event(), []

    async def blocking(*, may_poll: bool = True) -> None:
        beats.append(len(told))
        began.set()
        stuck.wait(0.5)  # as a decoder that never ends: the loop stands still, the process lives
        beats.append(len(told))
        await asyncio.sleep(0)

    monkeypatch.setattr(rounds, "round", blocking)
    assert began.wait(5)
    wait_until(lambda: len(beats) >= 2)
    assert beats[0] == beats[1]
    wait_until(lambda: told[-1]["is_running"] is False)
    assert max(float(str(figures["loop_lag_s"])) for figures in told) > 0.3
