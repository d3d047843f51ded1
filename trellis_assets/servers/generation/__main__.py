"""`trellis-assets-server`: the generation server alone, without the miner and what that needs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from trellis_assets.servers.generation.cli import server
from trellis_assets.servers.middleware import ExposureError
from trellis_assets.settings import SettingsError

app = typer.Typer(name="trellis-assets-server", add_completion=False, pretty_exceptions_show_locals=False)


@contextmanager
def _clear_errors() -> Iterator[None]:
    # What the server writes is for its own user only.
    os.umask(0o077)
    try:
        yield
    except (SettingsError, ExposureError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None


app.command()(_clear_errors()(server))

if __name__ == "__main__":
    app()
