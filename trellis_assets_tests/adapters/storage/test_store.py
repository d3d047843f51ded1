"""The real store on a real SQLite file and a real PostgreSQL server, built by its migrations."""

import sqlite3
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from trellis_assets.adapters.storage.store import SqlStore, open_store
from trellis_assets.domain.submissions import Submission, SubmissionKind, SubmissionOutcome
from trellis_assets.domain.tasks import IllegalTransitionError, Task, TaskState
from trellis_assets.ports import ClaimLostError, StoreError
from trellis_assets.testing.fakes import (
    MINER,
    NOW,
    FakeClock,
    a_feedback,
    a_generation,
    a_pulled_task,
    a_validator,
    a_verdict,
)
from trellis_assets.testing.leases import let_leases_end
from trellis_assets_tests.ended_tasks import History

LEASE = timedelta(seconds=30)
ONE = a_validator(1)


def arrive(store: SqlStore, task_id: str = "a", prompt: str = "a red vase") -> Task:
    return store.arrivals.record(
        a_pulled_task(task_id, prompt), validator=ONE, miner_hotkey=MINER, now=NOW, session_id=None
    ).task


@pytest.mark.sqlite_only
def test_sqlite_runs_in_wal_mode(store: SqlStore, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "trellis.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_store_of_a_newer_version_is_refused_and_left_alone(store: SqlStore, database_url: str) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"newer version.*update trellis_assets"):
        open_store(database_url)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "trellis.db").write_bytes(b"this is not a database" * 100)
    with pytest.raises(StoreError, match="not a database"):
        open_store(f"sqlite:///{tmp_path / 'trellis.db'}")


@pytest.mark.parametrize("url", ["nonsense", "oracle-of-delphi://x"])
def test_a_url_that_is_none_is_refused_with_examples(url: str) -> None:
    with pytest.raises(StoreError, match="TRELLIS_DATABASE_URL"):
        open_store(url)


def test_a_password_does_not_show_in_the_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError) as caught:
        open_store("sqlite://user:hunter2@host/nowhere/db")
    assert "hunter2" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [], "no folder is made for a URL that is none"


def test_a_task_comes_back_as_it_was_stored(store: SqlStore) -> None:
    key = arrive(store).key
    submission = Submission(SubmissionKind.RESULT, NOW, 1, 2.5, "accepted", "answered")
    generation, verdict, feedback = a_generation(), a_verdict(0.75, failed_checks=("x",)), a_feedback()
    store.tasks.move(key, TaskState.GENERATED, now=NOW, generation=generation)
    store.tasks.move(key, TaskState.VALIDATED, now=NOW, verdict=verdict)
    store.tasks.move(key, TaskState.SUBMITTING, now=NOW, submission=submission)
    store.tasks.move(key, TaskState.ACCEPTED, now=NOW, feedback=feedback)
    task = store.tasks.get(key)
    assert (task.generation, task.verdict, task.submission) == (generation, verdict, submission)
    assert task.feedback == feedback
    assert (task.pulled_at, task.finished_at) == (NOW, NOW)


@pytest.mark.parametrize("odd", ["a\0b", "half \ud800 a pair", "x" * 100_000, "🐸 ﷽ \u202e"])
def test_what_strangers_said_is_stored_whatever_it_holds(store: SqlStore, odd: str) -> None:
    key = arrive(store).key
    submission = Submission(SubmissionKind.RESULT, NOW, 1, 2.5, "accepted", odd)
    verdict = a_verdict(0.75, validator=odd, parts={odd: 0.5}, failed_checks=(odd,))
    store.tasks.move(key, TaskState.GENERATED, now=NOW, generation=a_generation(generator=odd))
    store.tasks.move(key, TaskState.VALIDATED, now=NOW, verdict=verdict, reason=odd)
    store.tasks.move(key, TaskState.SUBMITTING, now=NOW, submission=submission, reason=odd)
    store.polls.record(MINER, ONE.hotkey, outcome=odd, now=NOW)
    task = store.tasks.get(key)
    readable = odd.replace("\0", "?").replace("\ud800", "?")
    assert task.reason == readable
    assert task.submission is not None
    assert task.submission.message == readable
    assert task.generation is not None
    assert task.generation.generator == readable[:200]
    assert task.verdict is not None
    assert (task.verdict.parts, task.verdict.failed_checks) == ({odd: 0.5}, (odd,))


def test_a_number_that_is_none_is_stored_as_missing(store: SqlStore) -> None:
    key = arrive(store).key
    store.tasks.move(key, TaskState.GENERATED, now=NOW, generation=a_generation(duration_s=float("nan")))
    assert store.statistics.snapshot(None, NOW).totals.total_generation_time == 0


def test_a_task_that_arrives_twice_is_one_row(store: SqlStore) -> None:
    first = arrive(store)
    again = store.arrivals.record(
        a_pulled_task("a"), validator=ONE, miner_hotkey=MINER, now=NOW, session_id=None
    )
    assert (again.task.key, again.is_new) == (first.key, False)
    assert store.statistics.validator_counters()[0].total_tasks_received == 1


def test_an_illegal_move_changes_nothing(store: SqlStore) -> None:
    key = arrive(store).key
    with pytest.raises(IllegalTransitionError):
        store.tasks.move(key, TaskState.ACCEPTED, now=NOW, feedback=a_feedback())
    assert store.tasks.get(key).state is TaskState.PULLED
    assert store.tasks.get(key).feedback is None


def test_a_task_is_held_by_one_run_until_its_lease_ends(store: SqlStore) -> None:
    key = arrive(store).key
    assert store.claims.claim(key, "one", now=NOW, until=NOW + LEASE) is not None
    assert store.claims.claim(key, "two", now=NOW, until=NOW + LEASE) is None
    assert store.claims.claim(key, "one", now=NOW, until=NOW + LEASE) is not None
    later = NOW + LEASE + timedelta(seconds=1)
    assert store.claims.claim(key, "two", now=later, until=later + LEASE) is None, "no clock decides"
    let_leases_end(store, FakeClock())
    assert store.claims.claim(key, "two", now=later, until=later + LEASE) is not None
    assert not store.claims.extend(key, "one", later + LEASE)
    with pytest.raises(ClaimLostError):
        store.tasks.move(key, TaskState.GENERATING, now=later, run_id="one")


def test_a_slot_is_held_by_one_task_until_its_lease_ends(store: SqlStore) -> None:
    until = NOW + LEASE
    assert store.slots.acquire(["a", "b"], 1, now=NOW, until=until) == "a"
    assert store.slots.acquire(["a", "b"], 2, now=NOW, until=until) == "b"
    assert store.slots.acquire(["a", "b"], 3, now=NOW, until=until) is None
    store.slots.release("a", 2, now=NOW, outcome=None)
    assert store.slots.acquire(["a"], 3, now=NOW, until=until) is None, "only its holder frees a slot"
    store.slots.release("a", 1, now=NOW, outcome=None)
    assert store.slots.acquire(["a"], 3, now=NOW, until=until) == "a"
    let_leases_end(store, FakeClock())
    assert store.slots.acquire(["b"], 4, now=until + LEASE, until=until + LEASE) == "b"


def test_only_one_process_asks_a_validator(store: SqlStore) -> None:
    soon = NOW + timedelta(seconds=45)
    begin = partial(store.polls.begin, MINER, "v", max_backoff=timedelta(seconds=45))
    assert begin(next_poll_at=soon, now=NOW)
    assert not begin(next_poll_at=soon, now=NOW)
    assert begin(next_poll_at=soon + LEASE, now=soon)
    assert store.statistics.validator_counters()[0].total_pulls == 2


def test_answers_move_the_average_and_the_counters(store: SqlStore) -> None:
    store.validators.save([ONE], NOW)
    history = History(store)
    history.answered(fidelity=0.8)
    history.answered(fidelity=0.6)
    history.answered(outcome=SubmissionOutcome.REJECTED, fidelity=0.0)
    history.handed_back("duplicate")
    (counters,) = store.statistics.validator_counters()
    assert counters.average_score == pytest.approx(0.95 * (0.95 * 1.0 + 0.05 * 0.8) + 0.05 * 0.6)
    assert (counters.total_tasks_submitted, counters.total_successful_submissions) == (3, 2)
    assert (counters.total_tasks_received, counters.total_handed_back) == (4, 1)
    assert counters.success_rate == pytest.approx(2 / 3)
    assert counters.cooldown_until == NOW + timedelta(seconds=300)
    assert (counters.uid, counters.stake) == (1, 5000.0)


def test_an_answer_to_a_run_that_lost_its_task_counts_nowhere(store: SqlStore) -> None:
    task = arrive(store)
    store.tasks.move(task.key, TaskState.DECLINED, now=NOW)
    store.claims.claim(task.key, "one", now=NOW, until=NOW + LEASE)
    sent = Submission(SubmissionKind.HAND_BACK, NOW, 1, outcome="handed_back")
    store.tasks.move(task.key, TaskState.SUBMITTING, now=NOW, submission=sent)
    with pytest.raises(ClaimLostError):
        store.tasks.settle(
            task.key,
            TaskState.HANDED_BACK,
            now=NOW,
            reason=None,
            submission=sent,
            feedback=None,
            cooldown_until=None,
            run_id="two",
        )
    assert store.tasks.get(task.key).state is TaskState.SUBMITTING
    assert store.statistics.validator_counters()[0].total_handed_back == 0


def test_forgotten_prompts_are_no_duplicates(store: SqlStore) -> None:
    first = arrive(store, "a")
    second = arrive(store, "b")

    def earlier() -> list[int]:
        found = store.arrivals.earlier_with_prompt(
            miner_hotkey=MINER,
            validator_hotkey=ONE.hotkey,
            prompt_sha256=second.prompt_sha256,
            since=NOW - timedelta(hours=24),
            before_key=second.key,
        )
        return [task.key for task in found]

    assert earlier() == [first.key]
    assert store.retention.forget_prompts(NOW + timedelta(seconds=1)) == 2
    assert earlier() == []


def test_statistics_agree_with_the_rows(store: SqlStore) -> None:
    session = store.sessions.start(NOW, {})
    for index, state in enumerate([TaskState.ACCEPTED, TaskState.ACCEPTED, TaskState.REJECTED]):
        key = store.arrivals.record(
            a_pulled_task(f"t{index}"), validator=ONE, miner_hotkey=MINER, now=NOW, session_id=session
        ).task.key
        store.tasks.move(key, TaskState.GENERATED, now=NOW, generation=a_generation(duration_s=1.5))
        store.tasks.move(key, TaskState.VALIDATED, now=NOW, verdict=a_verdict(0.8))
        store.tasks.move(key, TaskState.SUBMITTING, now=NOW)
        store.tasks.move(key, state, now=NOW, feedback=a_feedback(0.5, current_miner_reward=2.0))
    arrive(store, "elsewhere")
    totals = store.statistics.snapshot(session, NOW + timedelta(hours=1)).totals
    assert (totals.tasks_pulled, totals.tasks_processed, totals.in_flight) == (3, 3, 0)
    assert (totals.successful_submissions, totals.rejected_submissions) == (2, 1)
    assert totals.total_generation_time == pytest.approx(4.5)
    assert totals.total_fidelity == pytest.approx(1.0)
    assert store.statistics.snapshot(None, NOW).totals.tasks_pulled == 4


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (
            "SELECT key FROM tasks WHERE state IN ('pulled') AND finished_at IS NULL",
            "ix_tasks_unfinished",
        ),
        (
            "SELECT seen_at FROM recent_prompts "  # noqa: ISC004
            "WHERE miner_hotkey='m' AND validator_hotkey='v' AND prompt_sha256='x'",
            "ix_recent_prompts_lookup",
        ),
    ],
)
def test_what_every_tick_asks_is_answered_by_an_index(store: SqlStore, query: str, index: str) -> None:
    with store.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            # Of an empty table it would read the one page that it has.
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            plan = connection.execute(text(f"EXPLAIN {query}")).scalars().all()
        else:
            plan = connection.execute(text(f"EXPLAIN QUERY PLAN {query}")).scalars("detail").all()
    assert any(index in line for line in plan), plan
