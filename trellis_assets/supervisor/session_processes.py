"""Start the processes of a session, in the order in which they need each other."""

import json
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from trellis_assets.orchestration.dagster_home import (
    DAEMON_MODULE,
    LOCATION,
    dagster_home,
    write_dagster_home,
)
from trellis_assets.ports import Store
from trellis_assets.servers.hosts import dialled_address, shown_host
from trellis_assets.settings import RunLauncherName, Settings
from trellis_assets.supervisor.child_environment import child_environment
from trellis_assets.supervisor.own_server import INSTANCE_VARIABLE, OwnServer
from trellis_assets.supervisor.pages import webserver_module
from trellis_assets.supervisor.process_tree import become_subreaper, kill_descendants
from trellis_assets.supervisor.processes import ChildProcess
from trellis_assets.supervisor.run_limits import longest_stages
from trellis_assets.system.heartbeat_files import heartbeat_folder
from trellis_assets.system.tcp_ports import free_port, is_listening

START_TIMEOUT_S = 60.0
STOP_GRACE_S = 10.0


@dataclass(slots=True)
class SessionProcesses:
    """The child processes of a session. Leaving `stack` ends them in the opposite order.

    Attributes:
        own_server: the generation server to start, if one is.
        code_port: where Dagster's code server listens.
        children: in the order of their start.
    """

    settings: Settings
    store: Store
    own_server: OwnServer | None
    stack: ExitStack
    say: Callable[[str], None]
    code_port: int = field(default_factory=free_port)
    children: list[ChildProcess] = field(default_factory=list)

    def start(self) -> None:
        """Start all processes and wait until each can be used.

        Raises:
            ChildError: one did not start; the text names its log.
        """
        workspace = write_dagster_home(self.settings, self.code_port)
        is_warm = self.settings.orchestration.run_launcher is RunLauncherName.WARM
        if is_warm and not (dagster_home(self.settings) / "storage").exists():
            # Dagster's databases must not be created by several processes at once: each would write its
            # version into them, and a database with two versions is never opened again.
            self._close_orphaned_runs()
        if is_warm:
            # Called last, when every child has ended: a run that is still called in progress is orphaned.
            self.stack.callback(self._close_orphaned_runs)
        become_subreaper()
        self.stack.callback(kill_descendants)
        if self.own_server is not None:
            self._start_generation_server(self.own_server)
        if self.settings.network.is_local and self.settings.mining.harvest:
            self._start_local_subnet()
        workers = self._start_run_workers() if is_warm else None
        code_server = self._start_code_server()
        if is_warm:
            # While the children import what they need. Nothing starts runs before the daemon does.
            self._close_orphaned_runs()
        for child in (workers, code_server):
            if child is not None:
                child.wait_ready(START_TIMEOUT_S)
        self._child("daemon", DAEMON_MODULE, "run", "-w", str(workspace))
        if self.settings.servers.webserver:
            self._start_pages(workspace)

    def _child(
        self,
        name: str,
        *module: str,
        is_ready: Callable[[], bool] = lambda: True,
        variables: dict[str, str] | None = None,
    ) -> ChildProcess:
        """Start `python -m` with the module and its arguments.

        Dagster's own commands let `.env` of their working directory override the environment, which holds our
        flags and withholds secrets: they work in Dagster's home, where there is none.
        """
        home = dagster_home(self.settings)
        environment = child_environment(self.settings, name)
        environment |= {"DAGSTER_HOME": str(home), **(variables or {})}
        log = self.settings.storage.folder / "logs" / f"{name}.log"
        folder = home if module[0].partition(".")[0] == "dagster" else None
        child = ChildProcess(name, [sys.executable, "-m", *module], environment, log, is_ready, folder)
        child.start()
        self.stack.callback(child.stop, STOP_GRACE_S)
        self.children.append(child)
        return child

    def _start_generation_server(self, server: OwnServer) -> None:
        child = self._child(
            "server",
            *("trellis_assets.cli", "server", "--port", str(server.port)),
            is_ready=server.is_ready,
            variables={INSTANCE_VARIABLE: server.instance},
        )
        child.wait_ready(START_TIMEOUT_S)

    def _start_local_subnet(self) -> None:
        started_at = time.time()
        metagraph = self.settings.metagraph_file
        child = self._child(
            "subnet", "trellis_assets.cli", "subnet", is_ready=lambda: _is_newer(metagraph, started_at)
        )
        child.wait_ready(START_TIMEOUT_S)
        self.say(f"The local subnet is up, with {self.settings.network.subnet_validators} validators.")

    def _start_run_workers(self) -> ChildProcess:
        from trellis_assets.orchestration.warm_workers.launcher import is_pool_ready

        settings, home = self.settings, dagster_home(self.settings)
        stages = json.dumps(longest_stages(settings))
        options = ("--progress", str(heartbeat_folder(settings)), "--stages", stages)
        workers = str(settings.orchestration.max_concurrent_runs)
        pool = ("trellis_assets.orchestration.warm_workers.pool", workers)
        return self._child("run_workers", *pool, *options, is_ready=lambda: is_pool_ready(home))

    def _start_code_server(self) -> ChildProcess:
        port = self.code_port
        options = ("--host", "127.0.0.1", "--port", str(port), "--location-name", LOCATION)
        module = ("dagster", "api", "grpc", "-m", "trellis_assets.definitions")
        return self._child("code_server", *module, *options, is_ready=lambda: is_listening(port))

    def _start_pages(self, workspace: Path) -> None:
        settings = self.settings
        web_port, gallery_port = settings.servers.webserver_port, settings.servers.gallery_port
        web_host = dialled_address(settings.servers.webserver_host)
        gallery_host = dialled_address(settings.servers.gallery_host)
        web_module = webserver_module(workspace, settings.servers.webserver_host)
        pages = (
            self._child("webserver", *web_module, is_ready=lambda: is_listening(web_port, web_host)),
            self._child(
                "gallery",
                "trellis_assets.cli",
                "gallery",
                is_ready=lambda: is_listening(gallery_port, gallery_host),
            ),
        )
        for page in pages:
            page.wait_ready(START_TIMEOUT_S)
        self.say(f"Dagster UI: http://{shown_host(web_host)}:{web_port}")
        self.say(f"gallery: http://{shown_host(gallery_host)}:{gallery_port}")

    def _close_orphaned_runs(self) -> None:
        """Close runs whose processes are gone, and free their tasks without waiting for the leases."""
        from trellis_assets.orchestration.orphaned_runs import close_orphaned_runs, orphaned_claims

        home = dagster_home(self.settings)
        closed = close_orphaned_runs(home)
        for run in orphaned_claims(home, self.store.claims.held()):
            assert run.task_key is not None
            self.store.claims.free_from_dead_run(run.task_key, run.run_id)
        if closed:
            self.say(f"{len(closed)} orphaned runs were closed; other runs take up their tasks.")


def _is_newer(path: Path | None, started_at: float) -> bool:
    # File systems may round times down: a second of slack.
    return path is not None and path.exists() and path.stat().st_mtime >= started_at - 1
