"""A session in lines, for logs and pipes: counts every half minute, and each event of note."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from trellis_assets.domain.session_view import SessionView, TaskEnd, counts_line

EVERY_S = 30.0


@dataclass(slots=True)
class LineOutput:
    """Prints a session in lines (`SessionOutput`).

    Attributes:
        print_line: prints one.
        timer: seconds of a clock that is never set back.
    """

    print_line: Callable[[str], None]
    timer: Callable[[], float] = time.monotonic
    wants_details: bool = False
    _counts: str = ""
    _printed: str = ""
    _printed_at: float = float("-inf")

    def say(self, line: str) -> None:
        """Print the line."""
        self.print_line(line)

    def show(self, view: SessionView) -> None:
        """Print the counts if they have changed and were not printed within the last 30 s."""
        self._counts = counts_line(view.counts, view.limit)
        if self._counts != self._printed and self.timer() - self._printed_at >= EVERY_S:
            self._print_counts()

    def note(self, end: TaskEnd) -> None:
        """Print how the task ended, if it cost something."""
        if end.is_of_note:
            self.print_line(end.text)

    def close(self) -> None:
        """Print the last counts, unless they were printed."""
        if self._counts != self._printed:
            self._print_counts()

    def _print_counts(self) -> None:
        self.print_line(self._counts)
        self._printed, self._printed_at = self._counts, self.timer()
