"""A session as a live table at a terminal; what is said scrolls above it."""

from collections import deque
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from trellis_assets.domain.session_view import (
    SessionView,
    TaskEnd,
    counts_line,
    endpoint_state,
    poll_state,
)
from trellis_assets.domain.tasks import TaskState

LAST_EVENTS = 6
# Rows of each table; a subnet has up to 64 validators, and a terminal 24 lines.
MOST_VALIDATORS, MOST_ENDPOINTS = 12, 8
_STYLES = {
    TaskState.ACCEPTED: "green",
    TaskState.REJECTED: "red",
    TaskState.FAILED: "red",
    TaskState.ANSWER_UNKNOWN: "red",
    TaskState.HANDED_BACK: "yellow",
}


class ScreenOutput:
    """Shows a session as a live table (`SessionOutput`).

    Whatever comes from validators or servers is shown as `Text`, in which nothing is markup.
    """

    wants_details = True

    def __init__(self, console: Console) -> None:
        """Create the output; the table appears with the first view."""
        self._console = console
        self._events: deque[TaskEnd] = deque(maxlen=LAST_EVENTS)
        self._live: Live | None = None

    def say(self, line: str) -> None:
        """Print the line above the table."""
        self._console.print(Text(line))

    def show(self, view: SessionView) -> None:
        """Show the session as it is now."""
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(session_table(view, tuple(self._events)), refresh=True)

    def note(self, end: TaskEnd) -> None:
        """Add the end of a task to the last events."""
        self._events.append(end)

    def close(self) -> None:
        """Take the table away; the cursor is shown again."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def session_table(view: SessionView, events: Sequence[TaskEnd] = ()) -> RenderableType:
    """Return the counts, a row for each validator and endpoint, and the last events."""
    parts: list[RenderableType] = [Text(counts_line(view.counts, view.limit), style="bold")]
    if view.polls:
        parts.append(_validators(view))
    if view.endpoints:
        parts.append(_endpoints(view))
    parts += [
        Text(f"{end.at:%H:%M:%S} {end.text}", style=_STYLES.get(end.state, ""), no_wrap=True)
        for end in events
    ]
    return Group(*parts)


def _table(*columns: str) -> Table:
    """Return an empty table; a column whose name begins with > is of numbers."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(
            name.removeprefix(">"), justify="right" if name.startswith(">") else "left", no_wrap=True
        )
    return table


def _validators(view: SessionView) -> Table:
    in_hand = {task.validator_hotkey: task.state for task in view.active if task.validator_hotkey}
    table = _table(">uid", "validator", "now", ">accepted", ">of", ">standing")
    for poll in view.polls[:MOST_VALIDATORS]:
        counters = view.counters.get(poll.hotkey)
        standing = counters.last_reward if counters else None
        table.add_row(
            str(poll.uid),
            poll.hotkey[:8],
            Text(poll_state(poll, in_hand, view.at), style="red" if poll.reason else ""),
            str(counters.total_successful_submissions if counters else 0),
            str(counters.total_tasks_submitted if counters else 0),
            "-" if standing is None else f"{standing:.1f}",
        )
    if (more := len(view.polls) - MOST_VALIDATORS) > 0:
        table.caption = Text(f"and {more} more with less stake")
    return table


def _endpoints(view: SessionView) -> Table:
    table = _table("endpoint", "now", ">pace", ">made", ">failed")
    for endpoint in view.endpoints[:MOST_ENDPOINTS]:
        table.add_row(
            Text(endpoint.name),
            Text(endpoint_state(endpoint, view.at)),
            "-" if endpoint.pace_s is None else f"{endpoint.pace_s:.1f} s",
            str(endpoint.generations - endpoint.failures),
            str(endpoint.failures),
        )
    if (more := len(view.endpoints) - MOST_ENDPOINTS) > 0:
        table.caption = Text(f"and {more} more")
    return table
