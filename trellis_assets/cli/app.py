"""What all commands share: the application, recurring options, and how errors are said."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="trellis-assets",
    help="Mine Bittensor subnet 17: prompts from validators in, 3D Gaussian splats out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Folder of everything that is written.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, as the last line.")]


@app.callback()
def _every_command() -> None:
    """Mine Bittensor subnet 17: prompts from validators in, 3D Gaussian splats out."""
    from trellis_assets.modes import write_privately
    from trellis_assets.system.proxies import keep_loopback_direct

    write_privately()
    keep_loopback_direct()


@contextmanager
def clear_errors() -> Iterator[None]:
    """What a person can mend ends with one clear text and exit code 2, not with a traceback."""
    from trellis_assets.errors import OPERATOR_ERRORS

    try:
        yield
    except OPERATOR_ERRORS as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
