"""What all commands share: the application, recurring options, and how errors are said."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="trellis-assets",
    help="Mine Bittensor subnet 17: prompts from validators in, 3D Gaussian splats out.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Folder of everything that is written.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, as the last line.")]


def _show_version(wanted: bool | None) -> None:
    if wanted:
        typer.echo(f"trellis-assets {version('trellis-assets')}")
        raise typer.Exit


@app.callback()
def _every_command(
    _version: Annotated[
        bool | None,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = None,
) -> None:
    """Mine Bittensor subnet 17: prompts from validators in, 3D Gaussian splats out."""
    from trellis_assets.system.file_permissions import restrict_umask
    from trellis_assets.system.proxies import bypass_proxies_for_loopback

    restrict_umask()
    bypass_proxies_for_loopback()
    _name_mistyped_settings()


def _name_mistyped_settings() -> None:
    """Say which variables look like settings and are none: they would be ignored without a word."""
    from dotenv import dotenv_values

    from trellis_assets.settings import FIELDS
    from trellis_assets.settings.mistyped import unknown_variables

    try:
        in_file = dotenv_values(".env")
    except (OSError, UnicodeDecodeError):
        in_file = {}  # reading the settings says it
    for sentence in unknown_variables({**os.environ, **in_file}, FIELDS):
        typer.echo(f"warning: {sentence}", err=True)


@contextmanager
def clear_errors() -> Iterator[None]:
    """What a person can mend ends with one clear text and exit code 2, not with a traceback."""
    from trellis_assets.cli.operator_errors import OPERATOR_ERRORS

    try:
        yield
    except OPERATOR_ERRORS as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    except BrokenPipeError:
        # Whoever read our output has left, `head` for example: that is no failure of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
