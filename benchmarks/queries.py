"""How long the queries that mining makes all the time take over a store of a million tasks.

Each is timed as the store runs it, with the making of its answer, within one transaction. "Own" is the time
of this thread alone, which other work on the machine hardly changes. The last row is a whole call: it waits
until the disk has it.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import ledger
from orchestration.logs import quantile
from sqlalchemy import text
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage.arrivals import SqlArrivals
from trellis_assets.adapters.storage.claims import SqlClaims
from trellis_assets.adapters.storage.polls import SqlPolls
from trellis_assets.adapters.storage.slots import SqlSlots
from trellis_assets.adapters.storage.statistics import SqlStatistics
from trellis_assets.adapters.storage.store import SqlStore, open_store
from trellis_assets.adapters.storage.tasks import SqlTasks
from trellis_assets.adapters.storage.transactions import Transactions
from trellis_assets.adapters.storage.validations import SqlValidations
from trellis_assets.adapters.storage.validators import SqlValidators
from trellis_assets.domain.learning.recipes import USUAL
from trellis_assets.domain.overview import span_edges
from trellis_assets.domain.tasks import UNFINISHED_STATES, WORKABLE_STATES, TaskState
from trellis_assets.domain.validators import Validator
from trellis_assets.ports import ONE_RECIPE
from trellis_assets.steps.learn import LearnStep
from trellis_assets.steps.read_overview import MAX_TASKS
from trellis_assets.system.clock import SystemClock
from trellis_assets.testing.fakes import a_candidate, a_task, a_verdict

TASKS = 1_000_000
TIMES = 2000
SLOW_TIMES, DISK_TIMES = 50, 500
VALIDATORS = 256
UNFINISHED = 8
UNJUDGED = 20
LEARNT_CANDIDATES = 3500
# A prime: prompts are asked for in no order.
_STEP = 7919
Question = Callable[[Transactions, int], object]
Row = dict[str, float | str]


def fill(folder: Path, tasks: int) -> None:
    """Fill the store with so many tasks: the newest active, some not validated, the others finished."""
    ledger.fill(folder, tasks)
    store = open_store(f"sqlite:///{folder / 'trellis.db'}")
    now = datetime.now(UTC)
    store.validators.save((a_validator(uid) for uid in range(VALIDATORS)), now)
    for uid in range(VALIDATORS):
        store.polls.begin(
            ledger.MINER, f"5Validator{uid}", next_poll_at=now, now=now, max_backoff=timedelta(minutes=5)
        )
    with store.engine.begin() as connection:
        connection.execute(
            text("UPDATE tasks SET state = :state, finished_at = NULL WHERE key > :first"),
            {"state": str(TaskState.PULLED), "first": tasks - UNFINISHED},
        )
        # Older ones than the miner would look for, so that no repetition meets them by chance.
        connection.execute(
            text(
                "UPDATE tasks SET local_score = NULL, spz_path = 'models/' || key || '.spz', "
                "generated_at = pulled_at WHERE key <= :last"
            ),
            {"last": UNJUDGED},
        )
    store.close()


def a_validator(uid: int) -> Validator:
    """Return a neuron that may be polled."""
    return Validator(uid=uid, hotkey=f"5Validator{uid}", ip="127.0.0.1", port=9000, stake=1000.0 + uid)


def questions(store: SqlStore, tasks: int) -> dict[str, Question]:
    """Return the queries by name; each is called with the number of its repetition."""
    now = datetime.now(UTC)
    soon, past = now + timedelta(seconds=30), now - timedelta(seconds=1)
    oldest = store.tasks.get(1).pulled_at

    def earlier(held: Transactions, number: int, validator: int) -> object:
        return SqlArrivals(held).earlier_with_prompt(
            miner_hotkey=ledger.MINER,
            validator_hotkey=f"5Validator{validator % 8}",
            prompt_sha256=f"{number:064x}",
            since=now - timedelta(days=1),
            before_key=tasks + 1,
        )

    def claim(held: Transactions, number: int) -> object:
        # The lease is over at once: the next repetition finds the task free again.
        key = tasks - number % UNFINISHED
        return SqlClaims(held).claim(key, f"run {number}", now=now, until=past)

    def in_states(states: frozenset[TaskState], limit: int | None) -> Question:
        return lambda held, _: SqlTasks(held).in_states(states, limit=limit)

    return {
        "duplicate lookup: new prompt": lambda held, n: earlier(held, n * _STEP % (tasks // 2), n),
        "duplicate lookup: seen": lambda held, n: earlier(held, tasks - 9 - n, tasks - 9 - n),
        "claim": claim,
        "renew a claim": lambda held, n: SqlClaims(held).extend(tasks, f"run {n}", soon),
        f"who is due, {VALIDATORS} validators": lambda held, _: SqlPolls(held).times(ledger.MINER),
        f"the list of {VALIDATORS} validators": lambda held, _: SqlValidators(held).listed(),
        f"unfinished tasks, {UNFINISHED}": in_states(UNFINISHED_STATES, None),
        "is anything mined": in_states(WORKABLE_STATES, 1),
        "to be judged: nothing": lambda held, _: SqlValidations(held).unjudged(ledger.MINER, now, soon),
        f"to be judged: {UNJUDGED} tasks": lambda held, _: SqlValidations(held).unjudged(
            ledger.MINER, oldest, oldest + timedelta(hours=2)
        ),
        "hold an endpoint": lambda held, n: SqlSlots(held).acquire(["http://one"], n, now=now, until=past),
    }


def start_page(store: SqlStore) -> dict[str, Question]:
    """By name; what the gallery's start page reads anew every ten seconds while somebody looks at it."""
    now = datetime.now(UTC)
    day = timedelta(days=1)
    return {
        "start page: two days counted": lambda _, __: store.reports.outcomes(
            now - 2 * day, now, edges=span_edges(now)
        ),
        "start page: standings of a day": lambda _, __: store.reports.standings(now - day, now),
        f"start page: newest {MAX_TASKS:,} of a day": lambda _, __: store.reports.ended(
            now - day, now, newest=MAX_TASKS
        ),
        "start page: reasons of a day": lambda _, __: store.reports.reasons(
            now - day, now, with_rejected=True
        ),
    }


def learnt_policy(store: SqlStore, tasks: int, times: int) -> Iterator[Row]:
    """Measure a decision of the learnt policy, from reading what was learnt on; and learning anew."""
    candidates = [
        a_candidate(key, verdict=a_verdict(0.5 + key % 40 / 100), recipe_version=USUAL.version)
        for key in range(max(1, tasks - LEARNT_CANDIDATES), tasks - UNFINISHED)
    ]
    for candidate in candidates:
        store.candidates.record(candidate)
    learn = LearnStep(store, SystemClock(), ONE_RECIPE, ("local",))
    yield as_row("learning anew", [timed(learn.run) for _ in range(min(times, SLOW_TIMES))])

    def decide(number: int) -> object:
        task = a_task(tasks + number, validator_hotkey="5Validator3")
        rule, lacks = learn.rule(task, most=4, least_score=0.0)
        return rule.decide(task, candidates[:1], datetime.now(UTC)) if rule is not None else lacks

    took = [timed(lambda: decide(number)) for number in range(times)]  # noqa: B023 - called at once
    yield as_row("a decision of the learnt policy", took)


class HeldTransaction(Transactions):
    """One transaction for all calls, so that no sync to the disk is measured."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Yield the session, and commit nothing."""
        yield self._session

    reading = writing


def measure(store: SqlStore, name: str, question: Question, times: int) -> Row:
    """Make the query so many times, the first not counted."""
    took = []
    with Session(store.engine) as session:
        held = HeldTransaction(session)
        for number in range(times + 1):
            session.expunge_all()
            took.append(timed(lambda: question(held, number)))  # noqa: B023 - called at once
        session.rollback()
    return as_row(name, took[1:])


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Return the milliseconds that the call took, by the clock and in CPU time of this thread."""
    began, began_own = time.perf_counter(), time.thread_time()
    call()
    own = time.thread_time() - began_own
    return (time.perf_counter() - began) * 1000, own * 1000


def as_row(name: str, took: list[tuple[float, float]]) -> Row:
    """Return the medians and the 99th percentiles."""
    by_clock, own = [both[0] for both in took], [both[1] for both in took]
    return {
        "question": name,
        "p50_ms": quantile(by_clock, 0.5),
        "p99_ms": quantile(by_clock, 0.99),
        "p99_own_ms": quantile(own, 0.99),
        "times": str(len(took)),
    }


def whole_calls(store: SqlStore, times: int) -> Row:
    """Measure taking an endpoint, synced to the disk each time before the call returns."""
    now = datetime.now(UTC)
    past = now - timedelta(seconds=1)
    took = [timed(lambda: store.slots.acquire(["http://one"], 1, now=now, until=past)) for _ in range(times)]
    return as_row("hold an endpoint, on disk", took)


def main(tasks: int = TASKS, times: int | None = None) -> list[Row]:
    """Measure all queries over one store; `times` overrides how often each is made."""
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), tasks)
        store = open_store(f"sqlite:///{Path(folder) / 'trellis.db'}")
        rows = [measure(store, name, ask, times or TIMES) for name, ask in questions(store, tasks).items()]
        counts = measure(
            store,
            f"states of a session with {tasks:,} tasks",
            lambda held, _: SqlStatistics(held).count_by_state(1),
            times or SLOW_TIMES,
        )
        slow = start_page(store)
        rows += [measure(store, name, ask, times or SLOW_TIMES) for name, ask in slow.items()]
        rows += [counts, whole_calls(store, times or DISK_TIMES)]
        rows += learnt_policy(store, tasks, times or DISK_TIMES)
        store.close()
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=TASKS)
    sys.stdout.write("\n".join(json.dumps(row) for row in main(parser.parse_args().tasks)) + "\n")
