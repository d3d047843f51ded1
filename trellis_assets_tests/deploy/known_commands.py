"""What deployment files may name: commands of ours with their options, and settings."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import typer
from typer.core import TyperGroup

from trellis_assets.cli import app
from trellis_assets.settings import FIELDS

DEPLOY = Path(__file__).parents[2] / "deploy"
_group = typer.main.get_command(app)
assert isinstance(_group, TyperGroup)
COMMANDS = _group.commands
# The library has no public name for it.
USAGE_ERROR = typer.BadParameter.__mro__[1]
SETTINGS = frozenset(f"TRELLIS_{name.upper()}" for name in FIELDS)


class UnknownCommandError(ValueError):
    """A command line that `trellis-assets` would not take."""


def check_command(words: Sequence[str]) -> str:
    """Return the command's name, once it and its options are known to `trellis-assets`.

    Raises:
        UnknownCommandError: they would not.
    """
    name, *options = words
    try:
        COMMANDS[name].make_context(name, options)
    except (KeyError, USAGE_ERROR) as error:
        raise UnknownCommandError(f"{' '.join(words)}: {error}") from None
    return name


def unknown_settings(names: Iterable[str]) -> set[str]:
    """Return variables that look like settings and are not."""
    return {name for name in names if name.startswith("TRELLIS_")} - SETTINGS


def variables_of(path: Path) -> dict[str, str]:
    """Return what an environment file sets."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
