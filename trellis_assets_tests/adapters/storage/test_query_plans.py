"""What is asked many times a minute finds its rows by an index, however many tasks there are."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event

from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.overview import DAY, span_edges
from trellis_assets.domain.tasks import UNFINISHED_STATES, WORKABLE_STATES, TaskState
from trellis_assets.testing.fakes import MINER, NOW, a_pulled_task, a_validator

pytestmark = pytest.mark.sqlite_only

ONE = a_validator(1)
# Steps that look for no rows of a table: they sort, group or go through a subquery's result.
_NO_LOOKUP = (
    "USE TEMP B-TREE",
    "SCALAR SUBQUERY",
    "CO-ROUTINE",
    "MATERIALIZE",
    "SCAN anon_",
    "SCAN (subquery",
)
SOON = NOW + timedelta(seconds=30)
# By name: the question, and the indexes that may answer it, one per table that is looked into.
QUESTIONS: dict[str, tuple[Callable[[SqlStore], object], set[str]]] = {
    "is the prompt a duplicate": (
        lambda store: store.arrivals.earlier_with_prompt(
            miner_hotkey=MINER, validator_hotkey=ONE.hotkey, prompt_sha256="0" * 64, since=NOW, before_key=9
        ),
        {"INDEX ix_recent_prompts_lookup", "INTEGER PRIMARY KEY"},
    ),
    "is the task known": (
        lambda store: store.arrivals.record(
            a_pulled_task("new"), validator=ONE, miner_hotkey=MINER, now=NOW, session_id=1
        ),
        {"INDEX sqlite_autoindex_tasks_1", "INDEX sqlite_autoindex_validator_polls_1"},
    ),
    "claim": (lambda store: store.claims.claim(1, "run", now=NOW, until=SOON), {"INTEGER PRIMARY KEY"}),
    "renew a claim": (lambda store: store.claims.extend(1, "run", SOON), {"INTEGER PRIMARY KEY"}),
    "move": (
        lambda store: store.tasks.move(1, TaskState.GENERATING, now=NOW),
        {"INTEGER PRIMARY KEY"},
    ),
    "who is due": (
        lambda store: store.polls.times(MINER),
        {"INDEX sqlite_autoindex_validator_polls_1"},
    ),
    "begin a poll": (
        lambda store: store.polls.begin(
            MINER, ONE.hotkey, next_poll_at=SOON, now=NOW, max_backoff=SOON - NOW
        ),
        {"INDEX sqlite_autoindex_validator_polls_1", "INDEX ix_tasks_finished_at"},
    ),
    "what validators cost": (
        lambda store: store.earnings.usage_by_validator(MINER, NOW - DAY, NOW),
        {
            "INDEX ix_tasks_finished_at",
            "INDEX sqlite_autoindex_candidates_1",
            "INDEX sqlite_autoindex_validators_1",
            "AUTOMATIC COVERING INDEX",  # over the sums of the period's tasks
        },
    ),
    "what recipes cost": (
        lambda store: store.earnings.usage_by_recipe(MINER, NOW - DAY, NOW),
        {"INDEX ix_tasks_finished_at", "INDEX sqlite_autoindex_candidates_1"},
    ),
    "what our neuron was paid": (
        lambda store: store.earnings.records("finney/17", MINER, NOW - DAY, NOW),
        {"INDEX sqlite_autoindex_neuron_records_1"},
    ),
    "what is unfinished": (
        lambda store: store.tasks.in_states(UNFINISHED_STATES),
        {"INDEX ix_tasks_finished_at"},
    ),
    "is anything mined": (
        lambda store: store.tasks.in_states(WORKABLE_STATES, limit=1),
        {"INDEX ix_tasks_finished_at"},
    ),
    "what is being submitted": (
        lambda store: store.tasks.in_states({TaskState.SUBMITTING}),
        {"INDEX ix_tasks_unfinished"},
    ),
    "what is to be judged": (
        lambda store: store.validations.unjudged(MINER, NOW, SOON),
        {"INDEX ix_tasks_unjudged"},
    ),
    "hold an endpoint": (
        lambda store: store.slots.acquire(["http://one"], 1, now=NOW, until=SOON),
        {"INDEX sqlite_autoindex_generation_slots_1"},
    ),
    "what is in hand": (lambda store: store.tasks.active(MINER), {"INDEX ix_tasks_finished_at"}),
    "what do other miners have coming": (
        lambda store: store.shared_demand.of_other_miners("5Other", NOW, NOW - timedelta(seconds=1)),
        {
            "INDEX ix_tasks_unfinished",
            "INDEX ix_validator_polls_asked_at",
            "INTEGER PRIMARY KEY",
        },
    ),
    "what has no run": (
        lambda store: store.claims.unclaimed(MINER),
        {"INDEX ix_tasks_finished_at", "INDEX ix_tasks_unfinished"},
    ),
    "who is next in line": (
        lambda store: store.slots.is_next_in_line(1, NOW),
        # The last is the newest task, at the table's end.
        {
            "INDEX ix_tasks_unfinished",
            "INDEX sqlite_autoindex_validator_polls_1",
            "INTEGER PRIMARY KEY",
            "",
        },
    ),
    "how many tasks ended in two days": (
        lambda store: store.reports.outcomes(NOW - 2 * DAY, NOW, edges=span_edges(NOW)),
        {"INDEX ix_tasks_finished_at"},
    ),
    "what the standings of a day were": (
        lambda store: store.reports.standings(NOW - DAY, NOW),
        {"INDEX ix_tasks_finished_at"},
    ),
    "which tasks ended last": (
        lambda store: store.reports.ended(NOW - DAY, NOW, newest=20_000),
        {"INDEX ix_tasks_finished_at"},
    ),
    "why tasks of a day were not accepted": (
        lambda store: store.reports.reasons(NOW - DAY, NOW, with_rejected=True),
        {"INDEX ix_tasks_finished_at"},
    ),
    "how far is the session": (
        lambda store: store.statistics.count_by_state(1),
        {"COVERING INDEX ix_tasks_session_state"},
    ),
}


def plans_of(engine: Engine, ask: Callable[[], object]) -> list[str]:
    """Return how SQLite looks for the rows of each statement that is not a bare insert."""
    statements: list[tuple[str, object]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if not statement.startswith("INSERT"):
            statements.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    ask()
    event.remove(engine, "before_cursor_execute", note)
    with engine.connect() as connection:
        return [
            str(step.detail)
            for statement, parameters in statements
            for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[arg-type]
            if not step.detail.startswith(_NO_LOOKUP)
        ]


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_frequent_question_is_answered_by_its_index(store: SqlStore, question: str) -> None:
    store.arrivals.record(a_pulled_task("old"), validator=ONE, miner_hotkey=MINER, now=NOW, session_id=1)
    ask, indexes = QUESTIONS[question]
    plans = plans_of(store.engine, lambda: ask(store))
    assert plans
    assert all(plan.startswith("SEARCH ") for plan in plans), f"rows are found by scanning: {plans}"
    used = {plan.partition(" USING ")[2].partition(" (")[0] for plan in plans}
    assert used == indexes
