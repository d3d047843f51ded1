"""The command that says what mining earns and costs."""

import json
from typing import Annotated

import typer

from trellis_assets.cli.app import DataDir, Json, app, clear_errors


@app.command()
def earnings(
    hours: Annotated[
        float | None,
        typer.Option(min=0.01, max=24 * 366, help="Over the last hours.", show_default="today, UTC"),
    ] = None,
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Say what mining earns and costs.

    Income is what the chain pays our own neuron; set TRELLIS_TAO_PRICE and TRELLIS_GPU_COST_PER_H to see
    money.
    """
    with clear_errors():
        from datetime import timedelta

        from trellis_assets.composition import Pipeline
        from trellis_assets.domain.earnings import describe
        from trellis_assets.settings import Settings

        step = Pipeline(Settings.load(data_dir=data_dir)).reports.read_earnings_step()
        report = step.today() if hours is None else step.last(timedelta(hours=hours))
        if as_json:
            typer.echo(json.dumps(describe.as_json(report)))
            return
        for line in describe.lines_of(report):
            typer.echo(line)
