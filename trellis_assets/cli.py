"""The command line: parse, one call, print. Heavy imports wait until a command needs them."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="trellis-assets",
    help="Mine Bittensor subnet 17: prompts from validators in, 3D Gaussian splats out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Folder of everything that is written.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, as the last line.")]


@app.callback()
def _every_command() -> None:
    """Mine Bittensor subnet 17: prompts from validators in, 3D Gaussian splats out."""
    from trellis_assets.modes import write_privately

    write_privately()


@contextmanager
def _clear_errors() -> Iterator[None]:
    """What a person can mend ends with one clear text and exit code 2, not with a traceback."""
    from trellis_assets.errors import OPERATOR_ERRORS

    try:
        yield
    except OPERATOR_ERRORS as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None


@app.command()
def mine(  # noqa: PLR0917 - the flags of one command
    harvest: Annotated[bool | None, typer.Option(help="Pull tasks from validators, or use prompts.")] = None,
    validate: Annotated[bool | None, typer.Option(help="Validate models before submitting.")] = None,
    submit: Annotated[bool | None, typer.Option(help="Submit results to validators.")] = None,
    min_score: Annotated[float | None, typer.Option(help="Hand back models that score less.")] = None,
    start_server: Annotated[
        bool | None, typer.Option("--start-server", help="Start a generation server and use it.")
    ] = None,
    tasks: Annotated[int | None, typer.Option(help="End after this many tasks.")] = None,
    webserver: Annotated[bool | None, typer.Option("--ui", help="Start the Dagster UI too.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of the Dagster UI.")] = None,
    network: Annotated[str | None, typer.Option(help="local, file:PATH, finney, test or ws://…")] = None,
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Mine until stopped (Ctrl-C finishes the work in hand), or until --tasks are done."""
    with _clear_errors():
        from trellis_assets.domain.statistics import to_json
        from trellis_assets.mining.session import mine as run_session
        from trellis_assets.settings import GeneratorBackend, Settings

        settings = Settings.load(
            harvest=harvest,
            validate_models=validate,
            submit=submit,
            min_score=min_score,
            start_server=start_server,
            generator=GeneratorBackend.HTTP if start_server else None,
            task_limit=tasks,
            webserver=webserver,
            webserver_port=port,
            network=network,
            data_dir=data_dir,
        )
        snapshot = run_session(settings, lambda line: typer.echo(line, err=True))
        if as_json:
            typer.echo(json.dumps(to_json(snapshot)))
        else:
            typer.echo(json.dumps(to_json(snapshot), indent=2))


@app.command()
def worker(
    queues: Annotated[
        str | None, typer.Option(help="Queues to serve, comma separated; default: TRELLIS_CELERY_QUEUES.")
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(help="Runs at a time; default: TRELLIS_MAX_CONCURRENT_RUNS.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of this worker; default: the machine's.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Execute runs that a miner with TRELLIS_RUN_LAUNCHER=celery hands out, until stopped."""
    with _clear_errors():
        from trellis_assets.mining.worker import serve_queues
        from trellis_assets.settings import RunLauncherName, Settings

        settings = Settings.load(
            run_launcher=RunLauncherName.CELERY,
            celery_queues=queues,
            max_concurrent_runs=concurrency,
            data_dir=data_dir,
        )
        serve_queues(settings, name)


@app.command()
def subnet(
    validators: Annotated[int | None, typer.Option(help="How many validators.")] = None,
    prompts: Annotated[Path | None, typer.Option(help="Prompts they ask for, one per line.")] = None,
    miner_hotkey: Annotated[
        list[str] | None, typer.Option(help="Registered miner (ss58); default: the development key.")
    ] = None,
    answer_delay: Annotated[
        float, typer.Option(min=0, help="Seconds from a submission's decision to its answer.")
    ] = 0.0,
    data_dir: DataDir = None,
) -> None:
    """Run a local subnet for development: real Axons on 127.0.0.1 that apply the subnet's rules."""
    with _clear_errors():
        from trellis_assets.local_subnet import run_until_stopped
        from trellis_assets.settings import Settings

        settings = Settings.load(subnet_validators=validators, subnet_prompts_file=prompts, data_dir=data_dir)
        logging.basicConfig(level=settings.log_level, stream=sys.stderr)
        run_until_stopped(settings, miner_hotkey or [], answer_delay_s=answer_delay)


@app.command()
def server(
    host: Annotated[str, typer.Option(help="Address to bind to.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8096,
    backend: Annotated[str | None, typer.Option(help="embedded or trellis.")] = None,
    device: Annotated[str | None, typer.Option(help="GPU, for example cuda:1.")] = None,
) -> None:
    """Run a generation server with the routes of a TRELLIS server, over TRELLIS or the embedded generator."""
    with _clear_errors():
        from trellis_assets.adapters.splat_io.codec import BytesCodec
        from trellis_assets.composition import secret, server_backend
        from trellis_assets.servers.generation.app import ServerLimits
        from trellis_assets.servers.generation.run import run_generation_server
        from trellis_assets.settings import Settings

        settings = Settings.load(server_backend=backend, server_device=device)
        logging.basicConfig(level=settings.log_level, stream=sys.stderr)
        limits = ServerLimits(
            queue=settings.server_queue,
            deadline_s=settings.server_deadline_s,
            idle_unload_s=settings.server_idle_unload_s,
        )
        run_generation_server(
            server_backend(settings),
            BytesCodec(),
            limits,
            host=host,
            port=port,
            token=secret(settings.server_token),
        )


@app.command()
def validator_server(
    host: Annotated[str, typer.Option(help="Address to bind to.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8094,
    backend: Annotated[str | None, typer.Option(help="embedded or neural.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Run a 404 validation server over the embedded or the neural validator."""
    with _clear_errors():
        from trellis_assets.clock import SystemClock
        from trellis_assets.composition import local_judge, secret
        from trellis_assets.servers.validation.run import run_validation_server
        from trellis_assets.settings import Settings

        settings = Settings.load(validator=backend, data_dir=data_dir)
        judge = local_judge(settings, SystemClock())
        run_validation_server(judge, host=host, port=port, token=secret(settings.server_token))


@app.command()
def gallery(
    host: Annotated[str, typer.Option(help="Address to bind to.")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Show the generated models in a browser: pictures, 3D views, downloads, reports."""
    with _clear_errors():
        from trellis_assets.composition import Pipeline, secret
        from trellis_assets.mining.doctor import Practice, examine
        from trellis_assets.servers.gallery.run import run_gallery
        from trellis_assets.settings import Settings

        settings = Settings.load(gallery_port=port, data_dir=data_dir)
        # The gallery signs nothing: it opens no wallet.
        doctor = Practice(lambda: examine(settings, reads_key=False))
        parts = Pipeline(settings).gallery_parts(doctor)
        token = secret(settings.server_token)
        typer.echo(f"gallery: http://{host}:{settings.gallery_port}", err=True)
        run_gallery(parts, host=host, port=settings.gallery_port, token=token)


@app.command()
def webserver(
    host: Annotated[
        str, typer.Option(help="Address to bind to; the pages ask nobody for a password.")
    ] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Serve Dagster's pages for a miner whose history is in PostgreSQL, without its key."""
    with _clear_errors():
        from trellis_assets.mining.pages import serve_pages
        from trellis_assets.settings import Settings

        serve_pages(Settings.load(webserver_port=port, data_dir=data_dir), host)


@app.command()
def doctor(as_json: Json = False, data_dir: DataDir = None) -> None:
    """Look at everything that mining needs, and say what to do; exit code 1 when something has failed."""
    with _clear_errors():
        from trellis_assets.domain.health import Health, worst
        from trellis_assets.domain.health import as_json as to_json
        from trellis_assets.mining.doctor import examine
        from trellis_assets.settings import Settings

        symptoms = examine(Settings.load(data_dir=data_dir))
        if as_json:
            typer.echo(json.dumps(to_json(symptoms)))
        for symptom in () if as_json else symptoms:
            advice = f"\n{'':<24}-> {symptom.advice}" if symptom.advice else ""
            typer.echo(f"{symptom.part:<14}{symptom.health:<10}{symptom.text}{advice}")
        raise typer.Exit(1 if worst(symptoms) is Health.FAILED else 0)


@app.command()
def backup(
    out: Annotated[Path | None, typer.Option(help="File to write; default: in backups/.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Copy the store into one file, also while mining."""
    with _clear_errors():
        from trellis_assets.adapters.storage.backup import backup as copy_store
        from trellis_assets.clock import SystemClock
        from trellis_assets.settings import Settings

        settings = Settings.load(data_dir=data_dir)
        target = out or settings.folder / "backups" / f"trellis-{SystemClock().now():%Y%m%dT%H%M%S}.db"
        tasks = copy_store(settings.store_url, target)
        typer.echo(f"{target}: {tasks} tasks")


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="A file that `backup` wrote.")],
    data_dir: DataDir = None,
) -> None:
    """Put a backup in the place of the store; what was there is kept beside it. Stop mining before."""
    with _clear_errors():
        from trellis_assets.adapters.storage.backup import restore as put_back
        from trellis_assets.clock import SystemClock
        from trellis_assets.mining.session import only_miner
        from trellis_assets.settings import Settings

        settings = Settings.load(data_dir=data_dir)
        with only_miner(settings.folder):
            aside = put_back(settings.store_url, source, SystemClock().now())
        typer.echo(f"restored from {source}" + (f"; what was there: {aside}" if aside else ""))


@app.command()
def materialize(data_dir: DataDir = None) -> None:
    """Materialise every asset now: statistics, checks, today's reports, idle validation of the last hours."""
    with _clear_errors():
        from trellis_assets.mining.materialize import materialize_all
        from trellis_assets.settings import Settings

        materialize_all(Settings.load(data_dir=data_dir), lambda line: typer.echo(line, err=True))


@app.command()
def stats(as_json: Json = False, data_dir: DataDir = None) -> None:
    """Print the statistics since the beginning."""
    with _clear_errors():
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
    form: Annotated[str, typer.Option("--format", help="csv, parquet, json or html.")] = "csv",
    out: Annotated[Path | None, typer.Option(help="File to write; default: standard output.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Write a report over some days: rewards, validators or tasks."""
    with _clear_errors():
        from trellis_assets.composition import Pipeline
        from trellis_assets.reports.command import report_to
        from trellis_assets.settings import Settings

        pipeline = Pipeline(Settings.load(data_dir=data_dir))
        now = pipeline.clock.now()
        written = report_to(pipeline.ledger, name, since=since, until=until, form=form, out=out, now=now)
        typer.echo(written, nl=False)


@app.command()
def calibrate(as_json: Json = False, data_dir: DataDir = None) -> None:
    """Fit the embedded validator's score to what validators answered; it is used from then on."""
    with _clear_errors():
        from trellis_assets.adapters.validation import calibration
        from trellis_assets.composition import Pipeline
        from trellis_assets.settings import Settings

        pipeline = Pipeline(Settings.load(data_dir=data_dir))
        answers = calibration.answers_in(pipeline.store)
        fitted = calibration.fit(answers)
        calibration.save(fitted, pipeline.settings.calibration_file)
        before = calibration.mean_squared_error(calibration.UNCALIBRATED, answers) ** 0.5
        after = calibration.mean_squared_error(fitted, answers) ** 0.5
        if as_json:
            typer.echo(json.dumps({"answers": len(answers), "error_before": before, "error_after": after}))
        else:
            typer.echo(f"fitted to {len(answers)} answers: error {before:.3f} before, {after:.3f} after")


@app.command()
def inspect(
    file: Annotated[Path, typer.Argument(help="A PLY or SPZ file.")],
    as_json: Json = False,
    preview: Annotated[Path | None, typer.Option(help="Write a picture of it here (PNG).")] = None,
) -> None:
    """Say what a model file is: splats, checks that validators would make, scores, a picture."""
    with _clear_errors():
        from trellis_assets.adapters import inspection

        found, picture = inspection.inspect(file)
        if preview is not None:
            if picture is None:
                raise inspection.InspectionError(f"{file} has no splat that can be rendered: no picture")
            inspection.write_picture(preview, picture)
        typer.echo(json.dumps(found.to_json()) if as_json else inspection.as_text(found))


@app.command()
def settings(as_json: Json = False) -> None:
    """List every setting: its variable, its value now, and what it means. Secrets are hidden."""
    with _clear_errors():
        from trellis_assets.settings import Settings

        loaded = Settings.load()
        meanings = [info.description for info in Settings.model_fields.values()]
        rows = [
            {"variable": variable, "value": value, "meaning": meaning}
            for (variable, value), meaning in zip(loaded.shown().items(), meanings, strict=True)
        ]
        if as_json:
            typer.echo(json.dumps(rows))
            return
        for row in rows:
            typer.echo(f"{row['variable']}={row['value']}\n    {row['meaning']}")


if __name__ == "__main__":
    app()
