"""Where a session says what happens: a live table at a terminal, lines elsewhere."""

from typing import Protocol

from trellis_assets.domain.session_view import SessionView, TaskEnd


class SessionOutput(Protocol):
    """Show a session to the person or program that started it.

    Attributes:
        wants_details: whether `show` needs validators and endpoints, which take queries.
    """

    wants_details: bool

    def say(self, line: str) -> None:
        """Print one line."""
        ...

    def show(self, view: SessionView) -> None:
        """Show the session as it is now; called about twice a second."""
        ...

    def note(self, end: TaskEnd) -> None:
        """Note that a task ended."""
        ...
