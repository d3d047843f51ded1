"""In a log a session is told in few lines, and none of note is left out."""

from trellis_assets.cli.terminal.lines import LineOutput
from trellis_assets.domain.session_view import SessionView, TaskEnd
from trellis_assets.domain.tasks import TaskState
from trellis_assets.testing.fakes import NOW


def view(accepted: int) -> SessionView:
    return SessionView(NOW, {TaskState.ACCEPTED: accepted}, limit=9)


def test_counts_are_printed_every_half_minute_and_only_when_they_change() -> None:
    printed: list[str] = []
    now = [0.0]
    output = LineOutput(printed.append, timer=lambda: now[0])
    for now[0], accepted in ((0.0, 1), (10.0, 2), (31.0, 3), (62.0, 3), (63.0, 4)):
        output.show(view(accepted))
    assert printed == [f"tasks {n}/9: {n} accepted" for n in (1, 3, 4)]


def test_the_last_counts_are_printed_at_the_end_once() -> None:
    printed: list[str] = []
    output = LineOutput(printed.append, timer=lambda: 0.0)
    output.show(view(1))
    output.show(view(2))
    output.close()
    output.close()
    assert printed == ["tasks 1/9: 1 accepted", "tasks 2/9: 2 accepted"]


def test_an_accepted_task_has_no_line_and_a_rejected_one_has() -> None:
    printed: list[str] = []
    output = LineOutput(printed.append)
    output.note(TaskEnd(NOW, TaskState.ACCEPTED, "task 1: accepted"))
    output.note(TaskEnd(NOW, TaskState.REJECTED, "task 2: rejected"))
    assert printed == ["task 2: rejected"]
