"""Choose how a session is shown: as a live table at a terminal, in lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from trellis_assets.cli.terminal.lines import LineOutput
from trellis_assets.cli.terminal.screen import ScreenOutput
from trellis_assets.cli.terminal.tables import console
from trellis_assets.supervisor.session_output import SessionOutput


@contextmanager
def open_output() -> Iterator[SessionOutput]:
    """Return the output of a session on standard error; a terminal is as it was when the block ends."""
    errors = console(errors=True)
    output: LineOutput | ScreenOutput
    if errors.is_terminal and not errors.is_dumb_terminal:
        output = ScreenOutput(errors)
    else:
        output = LineOutput(lambda line: typer.echo(line, err=True))
    try:
        yield output
    finally:
        output.close()
