"""A session is watched to its end, whatever the store does meanwhile."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest

from trellis_assets.cli.terminal.lines import LineOutput
from trellis_assets.domain.tasks import Task, TaskState
from trellis_assets.ports import Store, StoreError
from trellis_assets.settings import Settings
from trellis_assets.supervisor import progress as module
from trellis_assets.supervisor.progress import SessionProgress
from trellis_assets.supervisor.stop_signal import StopSignal
from trellis_assets.testing.fakes import a_task


class FlakyStore:
    """Gives at each look what it was told; the last for ever. An error is raised."""

    def __init__(self, *looks: list[Task] | StoreError) -> None:
        self.looks = list(looks)
        self.drained: list[int] = []
        self.tasks = self.sessions = self.statistics = self

    def count_by_state(self, session_id: int | None) -> dict[TaskState, int]:
        return {TaskState.ACCEPTED: 1}

    def active(self, hotkey: str) -> list[Task]:
        look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(look, StoreError):
            raise look
        return look

    def get(self, key: int) -> Task:
        return replace(a_task(key), state=TaskState.REJECTED, reason="rejected: too little")

    def drain(self, session_id: int, now: datetime) -> None:
        self.drained.append(session_id)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECK_INTERVAL_S", 0.02)
    monkeypatch.setattr(module, "LAST_POLLS_S", 0.2)


@pytest.fixture
def watch(tmp_path: Path) -> Callable[..., list[str]]:
    """Watches until the end; gives what was said."""

    def run(store: FlakyStore, stops: int, **known: Any) -> list[str]:
        settings = Settings.load(data_dir=tmp_path).changed(**{"session_id": 1} | known)
        said: list[str] = []
        output = LineOutput(said.append)
        SessionProgress(settings, cast("Store", store), "hotkey", output).until_done([], StopSignal(stops))
        return said

    return run


AWAY = StoreError("the store postgresql://miner:***@db/trellis failed: connection refused")


def test_store_that_fails_for_a_while_does_not_end_the_session(watch: Callable[..., list[str]]) -> None:
    said = watch(FlakyStore(AWAY, AWAY, [a_task(1)], []), 0, task_limit=1)
    assert said[:2] == [f"waiting for the store: {AWAY}", "tasks 1/1: 1 accepted"]


def test_a_task_that_costs_something_is_told_when_it_ends(watch: Callable[..., list[str]]) -> None:
    said = watch(FlakyStore([a_task(1)], []), 0, task_limit=1)
    assert said[-1].endswith(": rejected (rejected: too little)")
    assert said[-1].startswith("task 1")


def test_second_signal_does_not_wait_for_a_store_that_fails(watch: Callable[..., list[str]]) -> None:
    assert watch(FlakyStore(AWAY), 2)[-1] == "Stopped. Unfinished tasks continue at the next start."


def test_task_that_arrives_during_a_stop_is_finished_first(watch: Callable[..., list[str]]) -> None:
    store = FlakyStore([], [], *[[a_task(1)]] * 20, [])
    said = watch(store, 1)
    assert store.drained == [1]
    assert said[-1] == "Stopped. 0 unfinished tasks continue at the next start."
    assert store.looks == [[]], "it was waited for"
