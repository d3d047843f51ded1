"""The command that lists the recipes and checks them."""

import json
from pathlib import Path
from typing import Annotated

import typer

from trellis_assets.cli.app import Json, app, clear_errors


@app.command()
def recipes(
    as_json: Json = False,
    file: Annotated[
        Path | None,
        typer.Option(
            help="Recipes to check instead, before they are put in force.",
            show_default="TRELLIS_RECIPES_FILE, else the shipped recipes",
        ),
    ] = None,
) -> None:
    """List and check the recipes of candidates.

    The first is the usual one. A version follows a recipe's content; the exit code is 1 where a recipe has no
    endpoint, and 2 where the file cannot be used.
    """
    with clear_errors():
        from trellis_assets.adapters.recipes_file import read_recipes
        from trellis_assets.composition import Pipeline
        from trellis_assets.domain.learning.recipe_use import described, endpoints_of
        from trellis_assets.settings import Settings

        settings = Settings.load(recipes_file=file)
        found = read_recipes(settings.generation.recipes_file)
        names = Pipeline(settings).generator.endpoints
        rows = [described(recipe, endpoints_of(recipe, names)) for recipe in found]
        if as_json:
            typer.echo(json.dumps(rows))
        for row in () if as_json else rows:
            made_at = ", ".join(row["made_at"]) or "NO ENDPOINT: correct its endpoints, or remove it"
            sampler = ", ".join(f"{name}={value:g}" for name, value in row["sampler"].items())
            typer.echo(f"{row['name']}  {row['version']}")
            typer.echo(f"  phrase   {row['phrase']}")
            typer.echo(f"  route    {row['route']}")
            typer.echo(f"  sampler  {sampler or 'as it is'}")
            typer.echo(f"  made at  {made_at}")
        raise typer.Exit(0 if all(row["made_at"] for row in rows) else 1)
