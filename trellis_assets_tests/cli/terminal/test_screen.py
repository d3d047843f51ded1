"""The live table shows what the store says, and nothing that a peer sends is markup."""

import io
from datetime import timedelta

from rich.console import Console

from trellis_assets.cli.terminal.screen import MOST_VALIDATORS, ScreenOutput, session_table
from trellis_assets.domain.endpoints.endpoints import Endpoint
from trellis_assets.domain.scheduling.prefetch import ActiveTask
from trellis_assets.domain.session_view import SessionView, TaskEnd
from trellis_assets.domain.statistics import ValidatorCounters
from trellis_assets.domain.tasks import TaskState
from trellis_assets.domain.validators import PollRecord, PollTimes
from trellis_assets.testing.fakes import NOW


def shown(view: SessionView, *events: TaskEnd) -> str:
    console = Console(file=io.StringIO(), width=100, force_terminal=False)
    console.print(session_table(view, events))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def poll(uid: int, reason: str | None = None, **times: int) -> PollRecord:
    at = {name: NOW + timedelta(seconds=seconds) for name, seconds in times.items()}
    return PollRecord(f"hotkey{uid}", uid, PollTimes(**at), reason=reason)


def row(text: str, beginning: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.strip().startswith(beginning)]
    return line.split()


def test_each_validator_shows_what_it_is_doing_and_what_it_accepted() -> None:
    counters = ValidatorCounters(
        "miner", 1, "hotkey1", 10.0, total_tasks_submitted=4, total_successful_submissions=3, last_reward=2.5
    )
    view = SessionView(
        NOW,
        {TaskState.GENERATING: 1},
        polls=(poll(1), poll(2, cooldown_until=299), poll(3, next_poll_at=12), poll(4, reason="timed out")),
        counters={"hotkey1": counters},
        active=(ActiveTask(7, "miner", "hotkey1", TaskState.GENERATING),),
    )
    text = shown(view)
    assert row(text, "1 ")[1:] == ["hotkey1", "task", "generating", "3", "4", "2.5"]
    assert "cooldown 4:59" in text
    assert "next poll 0:12" in text
    assert "failing: timed out" in text


def test_each_endpoint_shows_its_task_and_its_pace() -> None:
    busy = Endpoint(
        "gpu", held_by=7, began_at=NOW - timedelta(seconds=12), recent_s=(4.0,), generations=5, failures=1
    )
    text = shown(SessionView(NOW, endpoints=(busy, Endpoint("spare"))))
    assert row(text, "gpu") == ["gpu", "task", "7,", "0:12", "4.0", "s", "4", "1"]
    assert row(text, "spare") == ["spare", "free", "-", "0", "0"]


def test_what_a_peer_sends_is_neither_markup_nor_control() -> None:
    hostile = "[bold red]x[/] \x1b[2J\nsecond line"
    view = SessionView(NOW, polls=(poll(1, reason=hostile),))
    text = shown(view, TaskEnd(NOW, TaskState.REJECTED, "[blink]y[/blink]"))
    assert "[bold red]x[/]" in text
    assert "[blink]y[/blink]" in text
    assert "\x1b" not in text


def test_a_subnet_of_many_validators_fits_a_terminal() -> None:
    text = shown(SessionView(NOW, polls=tuple(poll(uid) for uid in range(64))))
    assert text.count("hotkey") == MOST_VALIDATORS
    assert f"and {64 - MOST_VALIDATORS} more" in text


def test_lines_stay_and_the_table_goes_when_the_session_ends() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, _environ={})
    output = ScreenOutput(console)
    output.say("The local subnet is up.")
    output.show(SessionView(NOW, {TaskState.ACCEPTED: 1}))
    output.note(TaskEnd(NOW, TaskState.ACCEPTED, "task 1: accepted"))
    output.show(SessionView(NOW, {TaskState.ACCEPTED: 2}))
    output.close()
    written: str = console.file.getvalue()  # type: ignore[attr-defined]
    assert "The local subnet is up." in written
    assert "task 1: accepted" in written
    assert written.rstrip().endswith("\x1b[2K"), "the table is erased"
    assert "\x1b[?25h" in written, "the cursor is shown again"
