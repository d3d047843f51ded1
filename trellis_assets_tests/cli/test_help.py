"""What `--help` says of defaults is what the settings say, and completion offers commands and values."""

import os

import click
import pytest
import typer
from typer.testing import CliRunner

from trellis_assets.cli import app
from trellis_assets.settings import FIELDS
from trellis_assets.settings.settings import as_text

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
OPTIONS = [(name, option) for name, command in COMMANDS.items() for option in command.params]
FROM_SETTINGS = [
    (f"{command} {option.opts[0]}", option.show_default)
    for command, option in OPTIONS
    if isinstance(option.show_default, str) and "TRELLIS_" in option.show_default
]
# Unset means this.
WORDS = {
    "TRELLIS_TASK_LIMIT": "no limit",
    "TRELLIS_SUBNET_PROMPTS_FILE": "the shipped list",
    "TRELLIS_RECIPES_FILE": "the shipped recipes",
}


@pytest.mark.parametrize(("option", "shown"), FROM_SETTINGS, ids=[option for option, _ in FROM_SETTINGS])
def test_the_default_of_an_option_is_that_of_its_setting(option: str, shown: str) -> None:
    variable, _, default = shown.partition(", else ")
    field = FIELDS[variable.removeprefix("TRELLIS_").lower()]
    assert default == WORDS.get(variable, as_text(field.default)), option


def test_every_option_without_a_default_of_its_own_says_what_happens_without_it() -> None:
    silent = [
        f"{command} {option.opts[0]}"
        for command, option in OPTIONS
        if isinstance(option, click.Option | typer.core.TyperOption)
        and option.name not in {"help", "as_json", "as_markdown", "preview"}
        and option.default is None
        and not isinstance(option.show_default, str)
    ]
    assert silent == []


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_fits_80_columns_and_cuts_no_word_off(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = CliRunner().invoke(app, [command, "--help"]).output
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in shown.replace("ws://…", "")


def test_the_list_of_commands_cuts_no_sentence_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = CliRunner().invoke(app, ["--help"]).output
    listed = shown.partition("Commands:")[2]
    assert "settings" in listed
    assert "..." not in listed


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("trellis-assets set", {"settings"}),
        ("trellis-assets mine --network f", {"finney"}),
        ("trellis-assets report t", {"tasks"}),
        ("trellis-assets mine --min", {"--min-score"}),
        ("trellis-assets inspect --orientation z", {"z-up"}),
    ],
)
def test_a_shell_completes(typed: str, offered: set[str]) -> None:
    variables = {"_TRELLIS_ASSETS_COMPLETE": "complete_bash", "COMP_WORDS": typed}
    variables["COMP_CWORD"] = str(typed.count(" "))
    done = CliRunner().invoke(app, [], prog_name="trellis-assets", env=os.environ | variables)
    assert set(done.output.split()) == offered
