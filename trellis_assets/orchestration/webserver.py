"""Dagster's pages behind our guard: a process of its own, started by `mine --ui` and by `webserver`.

The only place that imports the webserver's insides; tests hold it against the installed release.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dagster import DagsterInstance, __version__
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from starlette.types import ASGIApp

from trellis_assets.composition import secret
from trellis_assets.servers.dagster_guard import guarded_dagster
from trellis_assets.servers.serving import serve
from trellis_assets.settings import Settings

# As the webserver's own command sets them.
_STATEMENT_TIMEOUT_MS = 15_000
_POOL_RECYCLE_S = 3600
_POOL_OVERFLOW = 20
_LIVE_DATA_POLL_MS = 2000


@contextmanager
def dagster_app(workspace: Path) -> Iterator[ASGIApp]:
    """Open the webserver's application over `DAGSTER_HOME` and a workspace file."""
    with DagsterInstance.get() as instance:
        instance.optimize_for_webserver(_STATEMENT_TIMEOUT_MS, _POOL_RECYCLE_S, _POOL_OVERFLOW)
        target = WorkspaceFileTarget([str(workspace)])
        with WorkspaceProcessContext(instance, target, version=__version__) as context:
            yield create_app_from_workspace_process_context(context, live_data_poll_rate=_LIVE_DATA_POLL_MS)


def serve_dagster(settings: Settings, workspace: Path, host: str) -> None:
    """Serve until stopped.

    Raises:
        ExposureError: other machines could reach it and there is no token.
    """
    with dagster_app(workspace) as app:
        guarded = guarded_dagster(app, host=host, token=secret(settings.servers.webserver_token))
        serve(guarded, host=host, port=settings.servers.webserver_port, log_level="warning")


def main() -> None:
    """Serve what the command line names, with the settings of the environment."""
    parser = argparse.ArgumentParser(description="Serve Dagster's pages behind their guard.")
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--host", required=True)
    given = parser.parse_args()
    serve_dagster(Settings.load(), given.workspace, given.host)


if __name__ == "__main__":
    main()
