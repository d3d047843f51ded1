"""Candidates and decisions in the store, on both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest

from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.candidates import StoredDecision
from trellis_assets.domain.generations import StoredFile
from trellis_assets.domain.retention import ExpiredFiles
from trellis_assets.domain.tasks import Task, TaskState
from trellis_assets.ports import ClaimLostError
from trellis_assets.testing.fakes import (
    MINER,
    NOW,
    a_candidate,
    a_pulled_task,
    a_validator,
    a_verdict,
)

RUN, LEASE, LATER = "run-1", timedelta(seconds=30), NOW + timedelta(days=3)


def arrive(store: SqlStore, task_id: str = "a") -> Task:
    """Return a task that the run has claimed."""
    pulled = a_pulled_task(task_id)
    task = store.arrivals.record(
        pulled, validator=a_validator(), miner_hotkey=MINER, now=NOW, session_id=None
    ).task
    store.claims.claim(task.key, RUN, now=NOW, until=NOW + LEASE)
    return store.tasks.move(task.key, TaskState.GENERATING, now=NOW, run_id=RUN)


def end(store: SqlStore, key: int) -> None:
    store.tasks.move(key, TaskState.KEPT, now=NOW, run_id=RUN)


def test_a_candidate_comes_back_as_it_was_stored(store: SqlStore) -> None:
    key = arrive(store).key
    full = a_candidate(
        key,
        number=1,
        ply=StoredFile("models/a.ply", 3, "1" * 64),
        verdict=a_verdict(0.7, failed_checks=("x",)),
        problem="collapsed",
    )
    store.candidates.record(full)
    store.candidates.record(a_candidate(key))
    assert store.candidates.of_task(key) == [a_candidate(key), full]


def test_a_number_is_stored_once(store: SqlStore) -> None:
    key = arrive(store).key
    first = store.candidates.record(a_candidate(key, seed=1))
    assert store.candidates.record(a_candidate(key, seed=2)) == first
    assert [candidate.seed for candidate in store.candidates.of_task(key)] == [1]


def test_idle_candidates_are_kept_apart_from_the_tasks_own(store: SqlStore) -> None:
    key = arrive(store).key
    own, idle = a_candidate(key), a_candidate(key, is_idle=True, recipe="strict")
    store.candidates.record(own)
    store.candidates.record(idle)
    assert store.candidates.of_task(key) == [own]
    assert store.candidates.of_task(key, is_idle=True) == [idle]
    assert store.candidates.newest(9, is_idle=True) == [idle]
    assert store.candidates.newest(9) == [own, idle]


def test_a_verdict_is_stored_with_its_candidate(store: SqlStore) -> None:
    key = arrive(store).key
    candidate = store.candidates.record(a_candidate(key))
    judged = store.candidates.judge(candidate, a_verdict(0.4))
    assert store.candidates.of_task(key) == [judged]


def test_the_chosen_candidate_fills_its_task(store: SqlStore) -> None:
    key = arrive(store).key
    store.candidates.record(a_candidate(key))
    better = store.candidates.record(a_candidate(key, number=1, seed=8, verdict=a_verdict(0.9)))
    decision = StoredDecision(key, NOW, "best-of-2", "submit", "the best", candidate=1)
    task = store.candidates.choose(better, now=NOW, run_id=RUN, decision=decision)
    assert (task.state, task.generation, task.verdict) == (
        TaskState.GENERATED,
        better.generation,
        better.verdict,
    )
    assert [candidate.is_chosen for candidate in store.candidates.of_task(key)] == [False, True]
    assert store.decisions.of_task(key) == [decision]
    assert not store.validations.record_idle(key, a_verdict(0.9)), "the verdict is in the history"


def test_a_chosen_candidate_that_is_not_stored_yet_is_stored_in_the_same_transaction(store: SqlStore) -> None:
    key = arrive(store).key
    store.candidates.choose(a_candidate(key), now=NOW, run_id=RUN)
    assert store.candidates.of_task(key) == [a_candidate(key, is_chosen=True)]


def test_a_verdict_on_an_earlier_model_is_not_the_new_models(store: SqlStore) -> None:
    key = arrive(store).key
    store.candidates.choose(a_candidate(key, verdict=a_verdict(0.9)), now=NOW, run_id=RUN)
    store.tasks.move(key, TaskState.PULLED, now=NOW, run_id=RUN)  # the file was lost
    store.claims.claim(key, RUN, now=NOW, until=NOW + LEASE)
    task = store.candidates.choose(a_candidate(key, number=1), now=NOW, run_id=RUN)
    assert task.verdict is None


def test_a_run_that_lost_its_claim_chooses_nothing(store: SqlStore) -> None:
    key = arrive(store).key
    with pytest.raises(ClaimLostError):
        store.candidates.choose(a_candidate(key), now=NOW, run_id="another run")
    assert store.candidates.of_task(key) == []
    assert store.tasks.get(key).generation is None


def test_decisions_are_numbered_in_their_order(store: SqlStore) -> None:
    key = arrive(store).key
    for move in ("generate", "submit"):
        store.decisions.record(StoredDecision(key, NOW, "learned", move, "", figures={"worth": 0.5}))
    found = store.decisions.of_task(key)
    assert [(each.number, each.move, each.figures) for each in found] == [
        (0, "generate", {"worth": 0.5}),
        (1, "submit", {"worth": 0.5}),
    ]


def test_files_of_the_others_expire_when_their_task_has_ended(store: SqlStore) -> None:
    key = arrive(store).key
    other = store.candidates.record(a_candidate(key, spz=StoredFile("models/b.spz", 1, "2" * 64)))
    store.candidates.choose(a_candidate(key, number=1), now=NOW, run_id=RUN)
    assert store.candidates.expired(LATER) == [], "the task may still take it"
    end(store, key)
    assert store.candidates.expired(NOW) == [], "it is too new"
    assert store.candidates.expired(LATER) == [other]
    assert store.candidates.forget_files([other], LATER) == [other.spz]
    assert store.candidates.expired(LATER) == []


def test_a_file_that_the_chosen_candidate_has_too_stays(store: SqlStore) -> None:
    key = arrive(store).key
    picture = StoredFile("models/p.webp", 1, "3" * 64)
    other = store.candidates.record(
        a_candidate(key, spz=StoredFile("models/b.spz", 1, "2" * 64), picture=picture)
    )
    store.candidates.choose(a_candidate(key, number=1, picture=picture), now=NOW, run_id=RUN)
    end(store, key)
    assert store.candidates.forget_files([other], LATER) == [other.spz]


def test_the_sweep_knows_files_of_candidates(store: SqlStore) -> None:
    key = arrive(store).key
    other = store.candidates.record(
        a_candidate(
            key, spz=StoredFile("models/b.spz", 1, "2" * 64), ply=StoredFile("models/b.ply", 1, "4" * 64)
        )
    )
    assert store.retention.known_files() == {"models/b.spz", "models/b.ply"}
    store.candidates.mark_unusable(other, "missing", NOW)
    assert store.retention.known_files() == set()


def test_the_chosen_candidates_file_goes_with_its_tasks(store: SqlStore) -> None:
    key = arrive(store).key
    store.candidates.choose(a_candidate(key), now=NOW, run_id=RUN)
    end(store, key)
    store.retention.forget_models(ExpiredFiles((), ("models/a.spz",)), LATER)
    assert store.candidates.of_task(key) == [
        replace(a_candidate(key), is_chosen=True, files_deleted_at=LATER)
    ]


def test_candidates_and_decisions_go_with_their_tasks_row(store: SqlStore) -> None:
    key = arrive(store).key
    store.candidates.record(a_candidate(key))
    store.decisions.record(StoredDecision(key, NOW, "single", "hand_back", ""))
    end(store, key)
    assert store.retention.archive_tasks(LATER) == 1
    assert store.candidates.of_task(key) == []
    assert store.decisions.of_task(key) == []
