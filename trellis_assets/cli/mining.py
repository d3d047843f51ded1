"""Commands that mine, or run what a miner works with: run workers, a local subnet."""

import json
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from trellis_assets.cli.app import DataDir, Json, app, clear_errors


@app.command()
def mine(  # noqa: PLR0917 - the flags of one command
    harvest: Annotated[
        bool | None,
        typer.Option(
            help="Pull tasks from validators, or make tasks from prompts.",
            show_default="TRELLIS_HARVEST, else true",
        ),
    ] = None,
    validate: Annotated[
        bool | None,
        typer.Option(
            help="Validate models before submitting them.",
            show_default="TRELLIS_VALIDATE_MODELS, else true",
        ),
    ] = None,
    submit: Annotated[
        bool | None,
        typer.Option(
            help="Submit results to validators, or keep them here.", show_default="TRELLIS_SUBMIT, else true"
        ),
    ] = None,
    min_score: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Hand back models that score less.", show_default="TRELLIS_MIN_SCORE, else 0.0"
        ),
    ] = None,
    start_server: Annotated[
        bool | None,
        typer.Option(
            "--start-server",
            help="Start a generation server and use it.",
            show_default="TRELLIS_START_SERVER, else false",
        ),
    ] = None,
    tasks: Annotated[
        int | None,
        typer.Option(
            min=1, help="End after this many tasks.", show_default="TRELLIS_TASK_LIMIT, else no limit"
        ),
    ] = None,
    webserver: Annotated[
        bool | None,
        typer.Option(
            "--ui",
            help="Start the Dagster UI and the gallery too.",
            show_default="TRELLIS_WEBSERVER, else false",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            help="Port of the Dagster UI.",
            show_default="TRELLIS_WEBSERVER_PORT, else 3000",
        ),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            help="local, file:PATH, finney, test or ws://…",
            show_default="TRELLIS_NETWORK, else local",
            autocompletion=lambda: ["local", "finney", "test", "archive", "latent-lite"],
        ),
    ] = None,
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Mine until stopped, or until --tasks are done.

    Ctrl-C finishes running tasks first.
    """
    with clear_errors():
        from trellis_assets.cli.terminal.session import open_output
        from trellis_assets.cli.terminal.tables import console, statistics_table
        from trellis_assets.domain.statistics_export import to_json
        from trellis_assets.settings import GeneratorBackend, Settings
        from trellis_assets.supervisor.session import mine as run_session
        from trellis_assets.supervisor.stop_signal import StopRequestedError

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
        try:
            with open_output() as output:
                snapshot = run_session(settings, output)
        except StopRequestedError:
            typer.echo("stopped before mining began", err=True)
            raise typer.Exit(0) from None
        if as_json:
            typer.echo(json.dumps(to_json(snapshot)))
        else:
            console().print(statistics_table(snapshot))


@app.command()
def worker(
    queues: Annotated[
        str | None,
        typer.Option(
            help="Queues to serve, comma separated.", show_default="TRELLIS_CELERY_QUEUES, else mining"
        ),
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(help="Runs at a time.", show_default="TRELLIS_MAX_CONCURRENT_RUNS, else 16")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of this worker.", show_default="the machine's name")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Execute runs of a miner that uses Celery.

    The miner is set to TRELLIS_RUN_LAUNCHER=celery. The worker goes on until it is stopped.
    """
    with clear_errors():
        from trellis_assets.settings import RunLauncherName, Settings
        from trellis_assets.supervisor.celery_worker import run_celery_worker

        settings = Settings.load(
            run_launcher=RunLauncherName.CELERY,
            celery_queues=queues,
            max_concurrent_runs=concurrency,
            data_dir=data_dir,
        )
        run_celery_worker(settings, name)


@app.command()
def subnet(  # noqa: PLR0917 - each is an option
    validators: Annotated[
        int | None,
        typer.Option(help="How many validators.", show_default="TRELLIS_SUBNET_VALIDATORS, else 3"),
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(
            help="Prompts they ask for, one per line.",
            show_default="TRELLIS_SUBNET_PROMPTS_FILE, else the shipped list",
        ),
    ] = None,
    miner_hotkey: Annotated[
        list[str] | None,
        typer.Option(help="Hotkey of a registered miner (ss58).", show_default="the development key"),
    ] = None,
    answer_delay: Annotated[
        float, typer.Option(min=0, help="Seconds from a submission's decision to its answer.")
    ] = 0.0,
    pull_delay: Annotated[float, typer.Option(min=0, help="Seconds from a pull to its answer.")] = 0.0,
    data_dir: DataDir = None,
) -> None:
    """Run a local subnet for development.

    Its validators are real Axons on 127.0.0.1 that apply the subnet's rules.
    """
    with clear_errors():
        from trellis_assets.settings import Settings
        from trellis_assets.supervisor.local_subnet import serve_local_subnet

        settings = Settings.load(subnet_validators=validators, subnet_prompts_file=prompts, data_dir=data_dir)
        logging.basicConfig(level=settings.orchestration.log_level, stream=sys.stderr)
        serve_local_subnet(settings, miner_hotkey or [], answer_delay_s=answer_delay, pull_delay_s=pull_delay)


@app.command()
def materialize(data_dir: DataDir = None) -> None:
    """Materialise every asset now.

    Statistics, checks, today's reports, and idle validation of the last hours.
    """
    with clear_errors():
        from trellis_assets.settings import Settings
        from trellis_assets.supervisor.materialize import materialize_all

        materialize_all(Settings.load(data_dir=data_dir), lambda line: typer.echo(line, err=True))
