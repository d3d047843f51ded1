"""Commands that serve models, verdicts, and pages for people."""

from typing import Annotated

import typer

from trellis_assets.cli.app import DataDir, app, clear_errors
from trellis_assets.servers.generation.cli import server

app.command()(clear_errors()(server))


@app.command()
def validator_server(
    host: Annotated[str, typer.Option(help="Address to bind to.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8094,
    backend: Annotated[
        str | None,
        typer.Option(
            help="embedded or neural.",
            show_default="TRELLIS_VALIDATOR, else embedded",
            autocompletion=lambda: ["embedded", "neural"],
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Run a 404 validation server.

    It judges with the embedded or the neural validator.
    """
    with clear_errors():
        from trellis_assets.composition import local_judge, secret
        from trellis_assets.servers.validation.run import run_validation_server
        from trellis_assets.settings import Settings
        from trellis_assets.system.clock import SystemClock

        settings = Settings.load(validator=backend, data_dir=data_dir)
        judge = local_judge(settings, SystemClock())
        run_validation_server(judge, host=host, port=port, token=secret(settings.servers.server_token))


@app.command()
def gallery(
    host: Annotated[
        str | None,
        typer.Option(
            help="Address to bind to; any other than 127.0.0.1 needs TRELLIS_SERVER_TOKEN.",
            show_default="TRELLIS_GALLERY_HOST, else 127.0.0.1",
        ),
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on.", show_default="TRELLIS_GALLERY_PORT, else 3001")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Show the generated models in a browser.

    Pictures, 3D views, downloads and reports.
    """
    with clear_errors():
        from trellis_assets.composition import Pipeline, secret
        from trellis_assets.diagnostics.doctor import CachedDiagnostics, examine
        from trellis_assets.diagnostics.machine_checks import CheckContext
        from trellis_assets.diagnostics.mining_checks import check_mining_without_raising, notice
        from trellis_assets.servers.gallery.run import run_gallery
        from trellis_assets.servers.hosts import shown_host
        from trellis_assets.settings import Settings

        settings = Settings.load(gallery_host=host, gallery_port=port, data_dir=data_dir)
        # The gallery signs nothing: it opens no wallet.
        doctor = CachedDiagnostics(lambda: examine(settings, reads_key=False))
        pipeline = Pipeline(settings)
        mining = CachedDiagnostics(
            lambda: check_mining_without_raising(CheckContext(pipeline, reads_key=False))
        )
        parts = pipeline.reports.gallery_parts(doctor, lambda: notice(mining()), mining)
        token = secret(settings.servers.server_token)
        bound, port = settings.servers.gallery_host, settings.servers.gallery_port
        typer.echo(f"gallery: http://{shown_host(bound)}:{port}", err=True)
        run_gallery(parts, host=bound, port=port, token=token)


@app.command()
def webserver(
    host: Annotated[
        str | None,
        typer.Option(
            help="Address to bind to; any other than 127.0.0.1 needs TRELLIS_WEBSERVER_TOKEN.",
            show_default="TRELLIS_WEBSERVER_HOST, else 127.0.0.1",
        ),
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on.", show_default="TRELLIS_WEBSERVER_PORT, else 3000")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Serve Dagster's pages without a miner's key.

    The miner's Dagster history must be in PostgreSQL.
    """
    with clear_errors():
        from trellis_assets.settings import Settings
        from trellis_assets.supervisor.pages import serve_pages

        settings = Settings.load(webserver_host=host, webserver_port=port, data_dir=data_dir)
        serve_pages(settings, settings.servers.webserver_host)
