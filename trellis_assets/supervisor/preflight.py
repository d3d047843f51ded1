"""Checks before a session starts any process."""

from collections.abc import Callable

from trellis_assets.composition import Pipeline, secret
from trellis_assets.diagnostics.machine_checks import CheckContext
from trellis_assets.diagnostics.proxy_checks import check_proxies
from trellis_assets.servers.dagster_guard import TOKEN_VARIABLE
from trellis_assets.servers.hosts import check_exposure
from trellis_assets.settings import Settings
from trellis_assets.supervisor.errors import MiningError
from trellis_assets.supervisor.own_server import OwnServer
from trellis_assets.system.tcp_ports import is_listening


def check_ports(settings: Settings, server: OwnServer | None) -> None:
    """Return if the ports of our servers and pages are free, and nothing is exposed without a token.

    Raises:
        MiningError: a port is in use; the text names the setting that chooses another one.
        ExposureError: other machines could reach the Dagster UI and there is no token.
    """
    if server is not None and (problem := server.problem()) is not None:
        raise MiningError(problem)
    if not settings.servers.webserver:
        return
    servers = settings.servers
    check_exposure(servers.webserver_host, secret(servers.webserver_token), TOKEN_VARIABLE)
    check_exposure(servers.gallery_host, secret(servers.server_token), "TRELLIS_SERVER_TOKEN")
    for name in ("webserver_port", "gallery_port"):
        port = settings.values()[name]
        if is_listening(port):
            variable = f"TRELLIS_{name.upper()}"
            raise MiningError(f"Port {port} is in use. Set {variable}, or stop the process that uses it.")


def report_proxies(pipeline: Pipeline, say: Callable[[str], None]) -> None:
    """Say which proxy of the environment is used for which of our services."""
    for found in check_proxies(CheckContext(pipeline, reads_key=False)):
        say(f"proxy: {found.text}" + (f" ({found.advice})" if found.advice else ""))
