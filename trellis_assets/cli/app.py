"""What all commands share: the application, recurring options, and how errors are printed.

An option that overrides a setting names the variable and its default in `show_default`; a test compares them
with the settings, which are too slow to import for `--help`.
"""

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
    # Plain help: the boxes of rich cut off the names of variables at 80 columns, and take longer to import.
    rich_markup_mode=None,
)

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Folder of everything that is written.",
        show_default="TRELLIS_DATA_DIR, else data",
    ),
]
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
    """Warn of variables that look like settings and are not: they would be ignored silently."""
    from dotenv import dotenv_values

    from trellis_assets.settings import FIELDS
    from trellis_assets.settings.mistyped import unknown_variables

    try:
        in_file = dotenv_values(".env")
    except (OSError, UnicodeDecodeError):
        in_file = {}  # reported when the settings are read
    for sentence in unknown_variables({**os.environ, **in_file}, FIELDS):
        typer.echo(f"warning: {sentence}", err=True)


@contextmanager
def clear_errors() -> Iterator[None]:
    """End with one clear text and exit code 2, not with a traceback, where a person can fix the cause."""
    try:
        yield
    except BrokenPipeError:
        # The reader of our output has ended, `head` for example: not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    except Exception as error:
        # Imported where it is needed: the modules that define these errors take half a second to import.
        from trellis_assets.cli.operator_errors import OPERATOR_ERRORS

        if not isinstance(error, OPERATOR_ERRORS):
            raise
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
