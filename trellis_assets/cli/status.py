"""Commands that say how things are: health, settings, statistics, reports, a model."""

import json
from pathlib import Path
from typing import Annotated

import typer

from trellis_assets.cli.app import DataDir, Json, app, clear_errors
from trellis_assets.domain.endpoints.orientation import Orientation


@app.command()
def doctor(as_json: Json = False, data_dir: DataDir = None) -> None:
    """Look at everything that mining needs, and say what to do; exit code 1 when something has failed."""
    with clear_errors():
        from trellis_assets.diagnostics.doctor import examine
        from trellis_assets.domain.diagnostics import Health, worst
        from trellis_assets.domain.diagnostics import as_json as to_json
        from trellis_assets.settings import Settings

        results = examine(Settings.load(data_dir=data_dir))
        if as_json:
            typer.echo(json.dumps(to_json(results)))
        for result in () if as_json else results:
            advice = f"\n{'':<24}-> {result.advice}" if result.advice else ""
            typer.echo(f"{result.part:<14}{result.health:<10}{result.text}{advice}")
        raise typer.Exit(1 if worst(results) is Health.FAILED else 0)


@app.command()
def settings(as_json: Json = False) -> None:
    """List every setting: its variable, its value now, and what it means. Secrets are hidden."""
    with clear_errors():
        from trellis_assets.settings import FIELDS, Settings

        loaded = Settings.load()
        meanings = [info.description for info in FIELDS.values()]
        rows = [
            {"variable": variable, "value": value, "meaning": meaning}
            for (variable, value), meaning in zip(loaded.shown().items(), meanings, strict=True)
        ]
        if as_json:
            typer.echo(json.dumps(rows))
            return
        for row in rows:
            typer.echo(f"{row['variable']}={row['value']}\n    {row['meaning']}")


@app.command()
def stats(as_json: Json = False, data_dir: DataDir = None) -> None:
    """Print the statistics since the beginning."""
    with clear_errors():
        from trellis_assets.composition import Pipeline
        from trellis_assets.domain.statistics import to_json
        from trellis_assets.settings import Settings

        pipeline = Pipeline(Settings.load(data_dir=data_dir))
        snapshot = pipeline.store.statistics(None, pipeline.clock.now())
        typer.echo(json.dumps(to_json(snapshot), indent=None if as_json else 2))


@app.command()
def report(  # noqa: PLR0917 - the flags of one command
    name: Annotated[str, typer.Argument(help="rewards, validators or tasks.")] = "rewards",
    since: Annotated[
        str | None, typer.Option("--from", help="First day, UTC, like 2026-11-23; default: a week.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Last day, UTC; default: today.")] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help="csv, parquet, json or html; default: as --out ends, else csv."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File to write; default: standard output.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Write a report over some days: rewards, validators or tasks."""
    with clear_errors():
        from trellis_assets.composition import Pipeline
        from trellis_assets.reports.report_command import report_to
        from trellis_assets.settings import Settings

        pipeline = Pipeline(Settings.load(data_dir=data_dir))
        now = pipeline.clock.now()
        chosen = form or (out.suffix.removeprefix(".").lower() if out is not None else "") or "csv"
        written = report_to(pipeline.ledger, name, since=since, until=until, form=chosen, out=out, now=now)
        typer.echo(written, nl=False)


@app.command()
def inspect(
    file: Annotated[Path, typer.Argument(help="A PLY or SPZ file.")],
    as_json: Json = False,
    preview: Annotated[Path | None, typer.Option(help="Write a picture of it here (PNG).")] = None,
    orientation: Annotated[
        Orientation, typer.Option(help="Which way up the file's model stands; it is turned head up.")
    ] = Orientation.AS_IS,
) -> None:
    """Say what a model file is: splats, checks that validators would make, scores, a picture."""
    with clear_errors():
        from trellis_assets.adapters import inspection

        found, picture = inspection.inspect(file, orientation)
        if preview is not None:
            if picture is None:
                raise inspection.InspectionError(f"{file} has no splat that can be rendered: no picture")
            inspection.write_picture(preview, picture)
        typer.echo(json.dumps(found.to_json()) if as_json else inspection.as_text(found))
