"""Commands that work on what the miner has stored."""

import json
from pathlib import Path
from typing import Annotated

import typer

from trellis_assets.cli.app import DataDir, Json, app, clear_errors


@app.command()
def backup(
    out: Annotated[
        Path | None, typer.Option(help="File to write.", show_default="a dated file in backups/")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Copy the store into one file, also while mining."""
    with clear_errors():
        from trellis_assets.adapters.storage.backup import backup as copy_store
        from trellis_assets.settings import Settings
        from trellis_assets.system.clock import SystemClock

        settings = Settings.load(data_dir=data_dir)
        target = (
            out or settings.storage.folder / "backups" / f"trellis-{SystemClock().now():%Y%m%dT%H%M%S}.db"
        )
        tasks = copy_store(settings.storage.store_url, target)
        typer.echo(f"{target}: {tasks} tasks")


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="A file that `backup` wrote.")],
    data_dir: DataDir = None,
) -> None:
    """Replace the store by a backup.

    The replaced one is kept beside it. Stop mining first.
    """
    with clear_errors():
        from trellis_assets.adapters.storage.backup import restore as put_back
        from trellis_assets.settings import Settings
        from trellis_assets.supervisor.instance_lock import single_instance_lock
        from trellis_assets.system.clock import SystemClock

        settings = Settings.load(data_dir=data_dir)
        with single_instance_lock(settings.storage.folder):
            aside = put_back(settings.storage.store_url, source, SystemClock().now())
        typer.echo(f"restored from {source}" + (f"; the replaced store: {aside}" if aside else ""))


@app.command()
def calibrate(as_json: Json = False, data_dir: DataDir = None) -> None:
    """Fit local scores to those of validators.

    The embedded validator uses the fit from then on.
    """
    with clear_errors():
        from trellis_assets.adapters.validation import calibration
        from trellis_assets.composition import Pipeline
        from trellis_assets.settings import Settings

        pipeline = Pipeline(Settings.load(data_dir=data_dir))
        answers = calibration.answers_in(pipeline.store)
        fitted = calibration.fit(answers)
        calibration.save(fitted, pipeline.settings.storage.calibration_file)
        before = calibration.mean_squared_error(calibration.UNCALIBRATED, answers) ** 0.5
        after = calibration.mean_squared_error(fitted, answers) ** 0.5
        if as_json:
            typer.echo(json.dumps({"answers": len(answers), "error_before": before, "error_after": after}))
        else:
            typer.echo(f"fitted to {len(answers)} answers: error {before:.3f} before, {after:.3f} after")
