"""The generation server's command, the same in `trellis-assets` and in `trellis-assets-server`."""

from typing import Annotated, Optional

import typer

from trellis_assets.domain.server_backends import DEFAULT_BACKEND, SERVER_BACKENDS

_BACKENDS = "; ".join(f"{name}: {entry.makes}" for name, entry in SERVER_BACKENDS.items())

Host = Annotated[str, typer.Option(help="Address to bind to.")]
Port = Annotated[int, typer.Option(help="Port to listen on.")]
# typer evaluates these on Python 3.10 too, and older ones of it know no `|`.
Backend = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        help=f"What makes models; {_BACKENDS}.",
        show_default=f"TRELLIS_SERVER_BACKEND, else {DEFAULT_BACKEND}",
    ),
]
Device = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(help="GPU, for example cuda:1.", show_default="TRELLIS_SERVER_DEVICE, else cuda:0"),
]
Lazy = Annotated[
    Optional[bool],  # noqa: UP045
    typer.Option(
        "--lazy/--eager",
        help="Load models at the first request, or at the start.",
        show_default="TRELLIS_SERVER_LAZY, else false",
    ),
]
DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8096


def server(
    host: Host = DEFAULT_HOST,
    port: Port = DEFAULT_PORT,
    backend: Backend = None,
    device: Device = None,
    lazy: Lazy = None,
) -> None:
    """Run a generation server.

    It has the routes of a TRELLIS server.
    """
    from trellis_assets.servers.generation.command import serve  # noqa: PLC0415 - keeps --help quick

    serve(host=host, port=port, backend=backend, device=device, is_lazy=lazy)
