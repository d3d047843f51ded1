"""Processes that want the same thing at the same moment: exactly one gets it, on both databases."""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest

from trellis_assets.adapters.storage.store import SqlStore, open_store
from trellis_assets.domain.endpoints.breaker import Outcome
from trellis_assets.domain.endpoints.endpoints import Probe
from trellis_assets.domain.leases import Lease
from trellis_assets.domain.submissions import Submission, SubmissionKind, SubmissionOutcome
from trellis_assets.domain.tasks import TaskState
from trellis_assets.ports import ClaimLostError
from trellis_assets.testing.fakes import MINER, NOW, FakeClock, a_feedback, a_pulled_task, a_validator
from trellis_assets.testing.leases import let_leases_end
from trellis_assets_tests.ended_tasks import History

RACERS = 3
ROUNDS = 25
UNTIL = NOW + timedelta(seconds=30)
SENT = Submission(SubmissionKind.RESULT, NOW, 1, 1.0, str(SubmissionOutcome.ACCEPTED))

# A race: the store, who one is, and the tasks' keys in; what this racer won out.
Race = Callable[[SqlStore, str, list[int]], list[Any]]
Run = Callable[[str, Race, list[int]], list[list[Any]]]

_gate: Barrier


def _enter(gate: Barrier) -> None:
    global _gate  # noqa: PLW0603 - how a pool hands its processes what cannot be sent with a task
    _gate = gate


def _race(url: str, race: Race, who: str, keys: list[int]) -> list[Any]:
    store = open_store(url)
    try:
        _gate.wait(60)
        return race(store, who, keys)
    finally:
        store.close()


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Yield a function that runs a race in processes that live as long as the module's tests."""
    spawn = multiprocessing.get_context("spawn")
    gate = spawn.Barrier(RACERS)
    with ProcessPoolExecutor(RACERS, spawn, initializer=_enter, initargs=(gate,)) as pool:

        def start(url: str, race: Race, keys: list[int]) -> list[list[Any]]:
            racing = [pool.submit(_race, url, race, f"run-{number}", keys) for number in range(RACERS)]
            return [racer.result(120) for racer in racing]

        yield start


def arrived(store: SqlStore, count: int = ROUNDS) -> list[int]:
    return [
        store.arrivals.record(
            a_pulled_task(f"t{number}", f"prompt {number}"),
            validator=a_validator(1),
            miner_hotkey=MINER,
            now=NOW,
            session_id=None,
        ).task.key
        for number in range(count)
    ]


def won_once(shares: list[list[Any]], prizes: list[Any]) -> None:
    assert Counter(prize for share in shares for prize in share) == Counter(prizes)


def claim(store: SqlStore, who: str, keys: list[int]) -> list[Any]:
    return [key for key in keys if store.claims.claim(key, who, now=NOW, until=UNTIL) is not None]


def test_a_task_is_claimed_by_one(store: SqlStore, database_url: str, run: Run) -> None:
    keys = arrived(store)
    won_once(run(database_url, claim, keys), keys)


def test_a_dead_workers_task_is_taken_over_by_one(store: SqlStore, database_url: str, run: Run) -> None:
    keys = arrived(store)
    assert claim(store, "dead", keys) == keys
    let_leases_end(store, FakeClock())
    won_once(run(database_url, claim, keys), keys)


def end_lease(store: SqlStore, _who: str, keys: list[int]) -> list[Any]:
    leases = [Lease(key, "dead", UNTIL) for key in keys]
    return [lease.resource for lease in leases if store.leases.end_claim(lease)]


def test_a_lease_that_several_code_servers_watch_is_ended_by_one(
    store: SqlStore, database_url: str, run: Run
) -> None:
    keys = arrived(store)
    assert claim(store, "dead", keys) == keys
    won_once(run(database_url, end_lease, keys), keys)


def ask(store: SqlStore, _who: str, keys: list[int]) -> list[Any]:
    begin = partial(store.polls.begin, MINER, next_poll_at=UNTIL, now=NOW, max_backoff=UNTIL - NOW)
    return [n for n in keys if begin(f"validator-{n}")]


def test_a_validator_is_asked_by_one(store: SqlStore, database_url: str, run: Run) -> None:
    numbers = list(range(ROUNDS))
    won_once(run(database_url, ask, numbers), numbers)
    assert {counters.total_pulls for counters in store.statistics.validator_counters()} == {1}


def take_slot(store: SqlStore, who: str, keys: list[int]) -> list[Any]:
    mine = 1000 * int(who[-1])
    return [n for n in keys if store.slots.acquire([f"gpu-{n}"], mine + n, now=NOW, until=UNTIL) is not None]


def test_an_endpoint_is_held_by_one(store: SqlStore, database_url: str, run: Run) -> None:
    numbers = list(range(ROUNDS))
    won_once(run(database_url, take_slot, numbers), numbers)


def test_an_endpoint_that_is_half_open_is_tried_by_one(store: SqlStore, database_url: str, run: Run) -> None:
    numbers = list(range(ROUNDS))
    store.endpoints.record_probes([Probe(f"gpu-{n}", "cannot be reached") for n in numbers], NOW)
    assert take_slot(store, "run-7", numbers) == []
    store.endpoints.record_probes([Probe(f"gpu-{n}") for n in numbers], NOW)
    won_once(run(database_url, take_slot, numbers), numbers)


def record_failures(store: SqlStore, _who: str, keys: list[int]) -> list[Any]:
    for number in keys:
        store.slots.release("gpu", number, now=NOW, outcome=Outcome(1.0, "answered 500"))
    return []


def test_no_outcome_of_a_generation_is_lost(store: SqlStore, database_url: str, run: Run) -> None:
    run(database_url, record_failures, list(range(ROUNDS)))
    (endpoint,) = store.endpoints.named(["gpu"])
    assert endpoint.failures == endpoint.breaker.failures_in_a_row == RACERS * ROUNDS


def arrive(store: SqlStore, _who: str, keys: list[int]) -> list[Any]:
    new = []
    for number in keys:
        arrival = store.arrivals.record(
            a_pulled_task(f"t{number}", f"prompt {number}"),
            validator=a_validator(1 + number % 3),
            miner_hotkey=MINER,
            now=NOW,
            session_id=None,
        )
        if arrival.is_new:
            new.append(number)
    return new


def test_a_task_arrives_once(store: SqlStore, database_url: str, run: Run) -> None:
    numbers = list(range(ROUNDS))
    won_once(run(database_url, arrive, numbers), numbers)
    assert sum(counters.total_tasks_received for counters in store.statistics.validator_counters()) == ROUNDS
    assert sum(store.statistics.count_by_state().values()) == ROUNDS


def claim_and_settle(store: SqlStore, who: str, keys: list[int]) -> list[Any]:
    settled = []
    for key in keys:
        store.claims.claim(key, who, now=NOW, until=UNTIL)
        try:
            store.tasks.move(key, TaskState.SUBMITTING, now=NOW, submission=SENT, run_id=who)
            store.tasks.settle(
                key,
                TaskState.ACCEPTED,
                now=NOW,
                reason=None,
                submission=SENT,
                feedback=a_feedback(),
                cooldown_until=UNTIL,
                run_id=who,
            )
        except ClaimLostError:
            continue
        settled.append(key)
    return settled


def test_an_answer_is_counted_once(store: SqlStore, database_url: str, run: Run) -> None:
    """All settle tasks of one validator: one row of counters that all write."""
    history = History(store)
    keys = [history.generated().key for _ in range(ROUNDS)]
    for key in keys:
        store.tasks.move(key, TaskState.VALIDATED, now=NOW)
    won_once(run(database_url, claim_and_settle, keys), keys)
    (counters,) = store.statistics.validator_counters()
    assert (counters.total_tasks_submitted, counters.total_successful_submissions) == (ROUNDS, ROUNDS)


def list_validators(store: SqlStore, who: str, keys: list[int]) -> list[Any]:
    """Return how many validators were listed whenever this racer looked."""
    first = 10_000 * int(who[-1])
    listed = []
    for turn in keys:
        store.validators.save([a_validator(first + 20 * turn + n) for n in range(20)], NOW)
        listed.append(len(store.validators.listed()[0]))
    return listed


def test_metagraphs_that_are_saved_at_once_do_not_mix(store: SqlStore, database_url: str, run: Run) -> None:
    shares = run(database_url, list_validators, list(range(ROUNDS)))
    assert {listed for share in shares for listed in share} == {20}


def archive(store: SqlStore, _who: str, _keys: list[int]) -> list[Any]:
    return [store.retention.archive_tasks(NOW + timedelta(days=1))]


def test_tasks_that_are_archived_at_once_are_summed_once(
    store: SqlStore, database_url: str, run: Run
) -> None:
    history = History(store)
    for number in range(ROUNDS):
        history.handed_back("duplicate", validator=a_validator(number % 3))
    before = store.statistics.snapshot(None, NOW).totals
    shares = run(database_url, archive, [])
    assert sum(sum(share) for share in shares) == ROUNDS
    assert store.statistics.snapshot(None, NOW).totals == before
    assert sum(store.statistics.count_by_state().values()) == 0


def test_processes_that_start_at_once_migrate_once(empty_database_url: str, run: Run) -> None:
    run(empty_database_url, claim, [])
    opened = open_store(empty_database_url)
    assert opened.statistics.count_by_state() == {}
    opened.close()
