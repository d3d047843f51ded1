"""Validators that misbehave: our transport against a real server, and what becomes of the task."""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from trellis_assets.adapters.bittensor import client
from trellis_assets.adapters.bittensor.client import BittensorNetwork
from trellis_assets.adapters.file_storage.local import LocalFileStore
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.metagraph import Metagraph
from trellis_assets.domain.statistics_export import to_json
from trellis_assets.domain.tasks import TaskState
from trellis_assets.domain.validators import MAX_COOLDOWN, Validator
from trellis_assets.settings import Settings
from trellis_assets.testing import faulty_axon
from trellis_assets.testing.fakes import NOW, FakeClock
from trellis_assets.testing.faulty_axon import FaultyAxon, axon_at
from trellis_assets.testing.hostile_server import PATIENCE_S
from trellis_assets_tests.faults.miner import BallGenerator, Miner

HUGE = 10**400
NOW_S = int(NOW.timestamp())


class Subnet(BittensorNetwork):
    """Real calls; the metagraph is the test's.

    A good answer may take its time on a busy machine; only what hangs is to be given up soon.
    """

    def __init__(self, clock: FakeClock, listed: list[Validator]) -> None:
        super().__init__(self.patient(50), clock)
        self.listed = listed

    @staticmethod
    def patient(seconds: float) -> Settings:
        return Settings.load(pull_timeout_s=seconds, submit_timeout_s=seconds)

    def expect(self, fault: str) -> None:
        if fault == "hangs":
            self._settings = self.patient(PATIENCE_S)

    def metagraph(self) -> Metagraph:
        return Metagraph(tuple(self.listed))


@dataclass
class ValidatorPair:
    """A miner and two validators: a faulty one, and a good one beside it."""

    miner: Miner
    faulty: FaultyAxon
    good: FaultyAxon
    network: Subnet


@pytest.fixture
def pair(
    store: SqlStore, files: LocalFileStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ValidatorPair]:
    monkeypatch.setattr(client, "MAX_PULL_BYTES", 1 << 20)
    bad, good = FaultyAxon(), FaultyAxon()
    with ExitStack() as stack:
        listed = [stack.enter_context(axon_at(axon, uid)) for uid, axon in enumerate([bad, good], 1)]
        network = Subnet(clock, listed)
        yield ValidatorPair(Miner(store, files, clock, network), bad, good, network)


def said(**fields: Any) -> faulty_axon.Answer:
    """Return an answer of these fields alone; numbers may be NaN, infinite or without end."""
    return faulty_axon.body(json.dumps(fields).encode())


BROKEN: dict[str, Callable[[FaultyAxon], faulty_axon.Answer]] = {
    "hangs": lambda axon: axon.hang,
    "resets": lambda _: faulty_axon.reset,
    "resets in the body": lambda _: faulty_axon.reset_in_the_body,
    "hangs up": lambda _: lambda request: None,
    "answers 500": lambda _: faulty_axon.body(b'{"message": "boom"}', status=500),
    "answers 500 in HTML": lambda _: faulty_axon.body(b"<html>", status=500, content_type="text/html"),
    "answers 500 with a list": lambda _: faulty_axon.body(b"[]", status=500),
    "answers HTML": lambda _: faulty_axon.body(b"<html>welcome", content_type="text/html"),
    "no JSON": lambda _: faulty_axon.body(b"{"),
    "no body": lambda _: faulty_axon.body(b""),
    "a list": lambda _: faulty_axon.body(b"[1, 2]"),
    "null": lambda _: faulty_axon.body(b"null"),
    "JSON without end": lambda _: faulty_axon.endless,
    "deep JSON": lambda _: faulty_axon.body(b"[" * 200_000),
    "a gzip bomb": lambda _: faulty_axon.gzip_bomb,
    "bytes that are no text": lambda _: faulty_axon.body(b'{"task": "\xff\xfe"}'),
    "no terminals": lambda _: faulty_axon.filled(axon=None, dendrite=None),
    "wrong terminals": lambda _: faulty_axon.filled(axon={"ip": 5, "port": "x"}, dendrite=[1]),
    "strange terminals": lambda _: faulty_axon.filled(
        axon={"status_code": 10**30}, dendrite={"hotkey": "\n", "nonce": -1}, timeout=-1, total_size=-1
    ),
    "strange headers": lambda _: faulty_axon.body(
        b"{}", bt_header_axon_status_code="much", bt_header_input_obj_task="%%%", header_size="x"
    ),
}
WRONG_TASKS: dict[str, faulty_axon.Answer] = {
    "task is a word": faulty_axon.task(task="do it"),
    "task is a list": faulty_axon.task(task=[]),
    "id is a number": faulty_axon.task(task={"type": "text", "id": 5, "prompt": "x"}),
    "prompt is null": faulty_axon.task(task={"type": "text", "id": "t", "prompt": None}),
    "unknown type": faulty_axon.task(task={"type": "video", "id": "t", "prompt": "x"}),
    "threshold is a word": faulty_axon.task(validation_threshold="high"),
    "throttle is NaN": faulty_axon.task(throttle_period=math.nan),
    "a huge id": faulty_axon.task(task={"type": "text", "id": "x" * 10_000, "prompt": "x"}),
    "a huge prompt": faulty_axon.task(task={"type": "text", "id": "t", "prompt": "x" * 100_000}),
}


def heals(pair: ValidatorPair) -> None:
    """The faulty validator gives its task, and the task's result is accepted, sent once."""
    pair.faulty.on_pull, pair.faulty.on_submit = faulty_axon.task(), faulty_axon.accepted()
    pair.good.on_pull = faulty_axon.nothing()
    pair.miner.round()
    (task,) = [t for t in pair.miner.tasks() if t.validator_uid == 1]
    assert (task.task_id, task.state) == ("task-1", TaskState.ACCEPTED)
    assert pair.faulty.submitted == [("task-1", True)]


@pytest.mark.parametrize("fault", BROKEN)
def test_a_pull_that_goes_wrong_costs_nobody_a_task(pair: ValidatorPair, fault: str) -> None:
    pair.network.expect(fault)
    pair.faulty.on_pull = BROKEN[fault](pair.faulty)
    pair.good.on_pull = faulty_axon.task()
    pair.miner.round()
    task = pair.miner.only_task()
    assert (task.validator_uid, task.state) == (2, TaskState.ACCEPTED)
    assert pair.faulty.submitted == []
    heals(pair)


@pytest.mark.parametrize("fault", WRONG_TASKS)
def test_a_task_that_is_none_is_not_taken(pair: ValidatorPair, fault: str) -> None:
    pair.faulty.on_pull = WRONG_TASKS[fault]
    pair.miner.round()
    assert pair.miner.tasks() == []
    heals(pair)


def test_a_task_with_more_fields_than_we_know_is_taken(pair: ValidatorPair) -> None:
    pair.faulty.on_pull = faulty_axon.task(task=faulty_axon.TASK | {"bonus": [1]}, surprise={"a": 1})
    pair.miner.round()
    assert pair.miner.only_task().state is TaskState.ACCEPTED


def test_a_task_with_nothing_but_its_id_is_taken_with_defaults(pair: ValidatorPair) -> None:
    pair.faulty.on_pull = said(task={"id": "task-1"})
    pair.miner.round()
    task = pair.miner.only_task()
    assert (task.prompt, task.validation_threshold, task.state) == ("", 0.6, TaskState.ACCEPTED)


@pytest.mark.parametrize(
    "cooldown",
    [None, 0, -1, -HUGE, NOW_S - 5, HUGE, NOW_S + 10**9],
    ids=["absent", "zero", "negative", "hugely negative", "past", "huge", "decades"],
)
def test_a_pull_s_cooldown_silences_the_miner_for_a_day_at_most(
    pair: ValidatorPair, cooldown: int | None
) -> None:
    pair.faulty.on_pull = said() if cooldown is None else said(cooldown_until=cooldown)
    pair.miner.round()
    pair.miner.clock.advance(MAX_COOLDOWN.total_seconds())
    heals(pair)


@pytest.mark.parametrize("fault", BROKEN)
def test_a_lost_answer_is_said_and_the_result_is_not_sent_again(pair: ValidatorPair, fault: str) -> None:
    pair.network.expect(fault)
    pair.faulty.on_pull, pair.faulty.on_submit = faulty_axon.task(), BROKEN[fault](pair.faulty)
    pair.miner.round()
    pair.faulty.on_pull, pair.faulty.on_submit = faulty_axon.nothing(), faulty_axon.accepted()
    for _ in range(3):
        pair.miner.round()
    task = pair.miner.only_task()
    assert task.state is TaskState.ANSWER_UNKNOWN
    assert (task.reason or "").startswith("answer_lost: ")
    assert pair.faulty.submitted == [("task-1", True)]


def test_a_task_whose_answer_was_lost_is_answered_again_once_its_validator_serves_it_again(
    pair: ValidatorPair,
) -> None:
    pair.faulty.on_pull, pair.faulty.on_submit = faulty_axon.task(), faulty_axon.reset
    pair.miner.round()
    pair.faulty.on_submit = faulty_axon.accepted()
    pair.miner.round()
    assert pair.miner.only_task().state is TaskState.ACCEPTED
    assert isinstance(pair.miner.generator, BallGenerator)
    assert (pair.faulty.results, pair.miner.generator.made) == (2, 1), "the model is the one it had"


def test_a_validator_that_went_away_gets_the_kept_model_when_it_is_back(pair: ValidatorPair) -> None:
    with axon_at(FaultyAxon()) as gone:
        pass
    pair.faulty.on_pull = faulty_axon.task()
    here = pair.network.listed
    pair.miner.pull()
    pair.miner.store.validators.save([gone], pair.miner.clock.now())
    pair.miner.work()
    failed = pair.miner.only_task()
    assert failed.state is TaskState.FAILED
    assert (failed.reason or "").startswith("not_sent: ")
    assert "no connection" in (failed.reason or "")
    pair.miner.store.validators.save(here, pair.miner.clock.now())
    pair.miner.round()
    assert pair.miner.only_task().state is TaskState.ACCEPTED
    assert isinstance(pair.miner.generator, BallGenerator)
    assert (pair.faulty.results, pair.miner.generator.made) == (1, 1)


AHEAD = NOW_S + 10**6
FEEDBACKS: dict[str, tuple[dict[str, Any], TaskState]] = {
    "NaN score": (
        {"feedback": faulty_axon.GOOD_FEEDBACK | {"task_fidelity_score": math.nan}, "cooldown_until": AHEAD},
        TaskState.ANSWER_UNKNOWN,
    ),
    "negative score": (
        {"feedback": faulty_axon.GOOD_FEEDBACK | {"task_fidelity_score": -4}, "cooldown_until": AHEAD},
        TaskState.REJECTED,
    ),
    "numbers beyond all range": (
        {
            "feedback": {
                "task_fidelity_score": 1e308,
                "average_fidelity_score": -1e308,
                "generations_within_the_window": -HUGE,
                "current_duel_rating": -1e308,
                "current_miner_reward": 1e308,
            },
            "cooldown_until": AHEAD,
        },
        TaskState.ACCEPTED,
    ),
    "more fields": (
        {"feedback": faulty_axon.GOOD_FEEDBACK | {"praise": "!"}, "cooldown_until": AHEAD},
        TaskState.ACCEPTED,
    ),
    "no cooldown": ({"feedback": faulty_axon.GOOD_FEEDBACK}, TaskState.ACCEPTED),
    "negative cooldown": (
        {"feedback": faulty_axon.GOOD_FEEDBACK, "cooldown_until": -HUGE},
        TaskState.ACCEPTED,
    ),
    "huge cooldown": ({"feedback": faulty_axon.GOOD_FEEDBACK, "cooldown_until": HUGE}, TaskState.ACCEPTED),
    "wrong types": ({"feedback": {"task_fidelity_score": "good"}}, TaskState.ANSWER_UNKNOWN),
    "a count that is NaN": (
        {"feedback": faulty_axon.GOOD_FEEDBACK | {"generations_within_the_window": math.nan}},
        TaskState.ANSWER_UNKNOWN,
    ),
    "a word for feedback": ({"feedback": "good"}, TaskState.ANSWER_UNKNOWN),
    "no feedback": ({"feedback": None}, TaskState.ANSWER_UNKNOWN),
}


@pytest.mark.parametrize("fault", FEEDBACKS)
def test_feedback_is_bounded_and_sent_for_once(pair: ValidatorPair, fault: str) -> None:
    fields, state = FEEDBACKS[fault]
    pair.faulty.on_pull, pair.faulty.on_submit = faulty_axon.task(), faulty_axon.filled(**fields)
    pair.miner.round()
    pair.faulty.on_pull = faulty_axon.nothing()
    pair.miner.round(after_s=MAX_COOLDOWN.total_seconds() + 60)
    task = pair.miner.only_task()
    assert task.state is state
    assert pair.faulty.submitted == [("task-1", True)]
    assert pair.faulty.pulls == 2, "the validator is asked again within a day"
    figures = to_json(pair.miner.store.statistics.snapshot(None, pair.miner.clock.now()))
    json.dumps(figures, allow_nan=False)


def test_the_same_task_id_of_two_validators_is_two_tasks_each_answered_once(pair: ValidatorPair) -> None:
    pair.faulty.on_pull = pair.good.on_pull = faulty_axon.task()
    pair.miner.round()
    assert [t.state for t in pair.miner.tasks()] == [TaskState.ACCEPTED] * 2
    assert (pair.faulty.submitted, pair.good.submitted) == ([("task-1", True)], [("task-1", True)])


def test_a_task_of_a_hotkey_that_lost_its_uid_ends_with_the_reason_and_the_new_one_has_its_own(
    pair: ValidatorPair,
) -> None:
    """The new hotkey sits on the same uid, address and port, and serves the same task id."""
    pair.faulty.on_pull = faulty_axon.task()
    pair.miner.pull()
    (old, good) = pair.network.listed
    pair.network.listed = [
        Validator(old.uid, "5Usurper", old.ip, old.port, stake=9000.0),
        good,
    ]
    pair.miner.store.validators.save(pair.network.listed, pair.miner.clock.now())
    pair.miner.work()
    of_old = pair.miner.only_task()
    assert of_old.state is TaskState.FAILED
    assert "no longer in the metagraph" in (of_old.reason or "")
    assert pair.faulty.submitted == [], "nothing made for one hotkey is sent to another"
    pair.miner.round()
    states = {t.validator_hotkey: t.state for t in pair.miner.tasks()}
    assert states == {old.hotkey: TaskState.FAILED, "5Usurper": TaskState.ACCEPTED}
    assert pair.faulty.submitted == [("task-1", True)]
