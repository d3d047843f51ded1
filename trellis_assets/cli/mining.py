"""Commands that mine, or stand in for what a miner meets."""

import json
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from trellis_assets.cli.app import DataDir, Json, app, clear_errors


@app.command()
def mine(  # noqa: PLR0917 - the flags of one command
    harvest: Annotated[bool | None, typer.Option(help="Pull tasks from validators, or use prompts.")] = None,
    validate: Annotated[bool | None, typer.Option(help="Validate models before submitting.")] = None,
    submit: Annotated[bool | None, typer.Option(help="Submit results to validators.")] = None,
    min_score: Annotated[
        float | None, typer.Option(min=0, max=1, help="Hand back models that score less.")
    ] = None,
    start_server: Annotated[
        bool | None, typer.Option("--start-server", help="Start a generation server and use it.")
    ] = None,
    tasks: Annotated[int | None, typer.Option(min=1, help="End after this many tasks.")] = None,
    webserver: Annotated[bool | None, typer.Option("--ui", help="Start the Dagster UI too.")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of the Dagster UI; default: 3000.")
    ] = None,
    network: Annotated[str | None, typer.Option(help="local, file:PATH, finney, test or ws://…")] = None,
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Mine until stopped (Ctrl-C finishes the work in hand), or until --tasks are done."""
    with clear_errors():
        from trellis_assets.domain.statistics import to_json
        from trellis_assets.settings import GeneratorBackend, Settings
        from trellis_assets.supervisor.progress import StopRequestedError
        from trellis_assets.supervisor.session import mine as run_session

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
            snapshot = run_session(settings, lambda line: typer.echo(line, err=True))
        except StopRequestedError:
            typer.echo("stopped before mining began", err=True)
            raise typer.Exit(0) from None
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
    validators: Annotated[int | None, typer.Option(help="How many validators.")] = None,
    prompts: Annotated[Path | None, typer.Option(help="Prompts they ask for, one per line.")] = None,
    miner_hotkey: Annotated[
        list[str] | None, typer.Option(help="Registered miner (ss58); default: the development key.")
    ] = None,
    answer_delay: Annotated[
        float, typer.Option(min=0, help="Seconds from a submission's decision to its answer.")
    ] = 0.0,
    pull_delay: Annotated[float, typer.Option(min=0, help="Seconds from a pull to its answer.")] = 0.0,
    data_dir: DataDir = None,
) -> None:
    """Run a local subnet for development: real Axons on 127.0.0.1 that apply the subnet's rules."""
    with clear_errors():
        from trellis_assets.settings import Settings
        from trellis_assets.supervisor.local_subnet import serve_local_subnet

        settings = Settings.load(subnet_validators=validators, subnet_prompts_file=prompts, data_dir=data_dir)
        logging.basicConfig(level=settings.orchestration.log_level, stream=sys.stderr)
        serve_local_subnet(settings, miner_hotkey or [], answer_delay_s=answer_delay, pull_delay_s=pull_delay)


@app.command()
def materialize(data_dir: DataDir = None) -> None:
    """Materialise every asset now: statistics, checks, today's reports, idle validation of the last hours."""
    with clear_errors():
        from trellis_assets.settings import Settings
        from trellis_assets.supervisor.materialize import materialize_all

        materialize_all(Settings.load(data_dir=data_dir), lambda line: typer.echo(line, err=True))
