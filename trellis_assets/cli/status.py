"""Commands that report: health, statistics, reports, a model file."""

import csv
import io
import json
from pathlib import Path
from typing import Annotated

import typer

from trellis_assets.cli.app import DataDir, Json, app, clear_errors
from trellis_assets.domain.endpoints.orientation import Orientation

# Importing the reports themselves would slow `--help`; a test compares.
_REPORTS = (
    "rewards",
    "validators",
    "tasks",
    "earnings",
    "acceptance",
    "recipes",
    "experiments",
    "gain",
    "failures",
)


@app.command()
def doctor(as_json: Json = False, data_dir: DataDir = None) -> None:
    """Check everything that mining needs.

    Each check that is not ok says what to do; the exit code is 1 when one has failed.
    """
    with clear_errors():
        from trellis_assets.cli.terminal.tables import checks_table, console
        from trellis_assets.diagnostics.doctor import examine
        from trellis_assets.domain.diagnostics import Health, worst
        from trellis_assets.domain.diagnostics import as_json as to_json
        from trellis_assets.settings import Settings

        results = examine(Settings.load(data_dir=data_dir))
        if as_json:
            typer.echo(json.dumps(to_json(results)))
        else:
            console().print(checks_table(results))
        raise typer.Exit(1 if worst(results) is Health.FAILED else 0)


@app.command()
def stats(as_json: Json = False, data_dir: DataDir = None) -> None:
    """Print the statistics since the beginning."""
    with clear_errors():
        from trellis_assets.cli.terminal.tables import console, statistics_table
        from trellis_assets.composition import Pipeline
        from trellis_assets.domain.statistics_export import to_json
        from trellis_assets.settings import Settings

        pipeline = Pipeline(Settings.load(data_dir=data_dir))
        snapshot = pipeline.store.statistics.snapshot(None, pipeline.clock.now())
        if as_json:
            typer.echo(json.dumps(to_json(snapshot)))
        else:
            console().print(statistics_table(snapshot))


@app.command()
def report(  # noqa: PLR0917 - the flags of one command
    name: Annotated[
        str,
        typer.Argument(
            help=f"{', '.join(_REPORTS[:-1])} or {_REPORTS[-1]}.", autocompletion=lambda: list(_REPORTS)
        ),
    ] = "rewards",
    since: Annotated[
        str | None, typer.Option("--from", help="First day, UTC, like 2026-11-23.", show_default="a week ago")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Last day, UTC.", show_default="today")] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="csv, parquet, json or html.",
            show_default="the ending of --out, else csv; a table at a terminal",
            autocompletion=lambda: ["csv", "parquet", "json", "html"],
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File to write.", show_default="standard output")] = None,
    data_dir: DataDir = None,
) -> None:
    """Write a report over some days."""
    with clear_errors():
        from trellis_assets.cli.terminal.tables import console, rows_table
        from trellis_assets.composition import Pipeline
        from trellis_assets.reports.report_command import report_to
        from trellis_assets.settings import Settings

        pipeline = Pipeline(Settings.load(data_dir=data_dir))
        now = pipeline.clock.now()
        chosen = form or (out.suffix.removeprefix(".").lower() if out is not None else "") or "csv"
        written = report_to(pipeline.ledger, name, since=since, until=until, form=chosen, out=out, now=now)
        shown = console()
        if shown.is_terminal and form is None and out is None:
            names, *rows = csv.reader(io.StringIO(written.decode()))
            shown.print(rows_table(names, rows, shown.width))
            return
        typer.echo(written, nl=False)


@app.command()
def inspect(
    file: Annotated[Path, typer.Argument(help="A PLY or SPZ file.")],
    as_json: Json = False,
    preview: Annotated[Path | None, typer.Option(help="Write a picture of it here (PNG).")] = None,
    orientation: Annotated[
        Orientation, typer.Option(help="Which way up the file's model stands; it is turned upright.")
    ] = Orientation.AS_IS,
) -> None:
    """Inspect a model file.

    Its splats, the checks that validators make, scores, and a picture.
    """
    with clear_errors():
        from trellis_assets.adapters import inspection

        found, picture = inspection.inspect(file, orientation)
        if preview is not None:
            if picture is None:
                raise inspection.InspectionError(f"{file} has no splat that can be rendered: omit --preview")
            inspection.write_picture(preview, picture)
        typer.echo(json.dumps(found.to_json()) if as_json else inspection.as_text(found))
