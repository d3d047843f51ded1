"""Commands about settings: list them, and begin a `.env`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from trellis_assets.cli.app import Json, app, clear_errors


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Folder to write it in.", show_default="this one")] = Path(),
) -> None:
    """Write a .env with every setting as a comment.

    Each has its default and its meaning. An existing .env is never changed.
    """
    with clear_errors():
        from trellis_assets.settings import FIELDS
        from trellis_assets.settings.dotenv_template import write_template

        written = write_template(folder)
        typer.echo(f"Wrote {written}: {len(FIELDS)} settings, all with their defaults.")
        typer.echo("Edit it, then run: trellis-assets doctor")


@app.command()
def settings(
    as_json: Json = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the documentation of all settings instead.")
    ] = False,
) -> None:
    """List every setting with its value, by group.

    The lines can be used as a .env: what is not set, and secrets, are comments.
    """
    with clear_errors():
        from trellis_assets.settings import FIELDS, Settings, documentation

        if as_markdown:
            typer.echo(documentation.markdown(), nl=False)
            return
        loaded = Settings.load()
        if as_json:
            meanings = [info.description for info in FIELDS.values()]
            rows = [
                {"variable": variable, "value": value, "meaning": meaning}
                for (variable, value), meaning in zip(loaded.shown().items(), meanings, strict=True)
            ]
            typer.echo(json.dumps(rows))
            return
        for line in documentation.listing(loaded):
            typer.echo(line)
