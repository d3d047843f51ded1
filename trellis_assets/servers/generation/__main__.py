"""`trellis-assets-server`: the generation server alone, without the miner and what that needs."""

import os

import typer

from trellis_assets.servers.generation.command import serve
from trellis_assets.servers.generation.options import (
    DEFAULT_HOST,
    DEFAULT_PORT,
    Backend,
    Device,
    Host,
    Lazy,
    Port,
)
from trellis_assets.servers.middleware import ExposureError
from trellis_assets.settings import SettingsError

app = typer.Typer(name="trellis-assets-server", add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def server(
    host: Host = DEFAULT_HOST,
    port: Port = DEFAULT_PORT,
    backend: Backend = None,
    device: Device = None,
    lazy: Lazy = None,
) -> None:
    """Run a generation server with the routes of a TRELLIS server."""
    # What it writes is for its own user only.
    os.umask(0o077)
    try:
        serve(host=host, port=port, backend=backend, device=device, is_lazy=lazy)
    except (SettingsError, ExposureError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None


if __name__ == "__main__":
    app()
