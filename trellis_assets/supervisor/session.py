"""A mining session: the processes that mine, watched until the work is done or a stop is asked."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from trellis_assets.composition import Pipeline, secret
from trellis_assets.diagnostics.chain_checks import read_validators_at_start
from trellis_assets.diagnostics.machine_checks import CheckContext
from trellis_assets.diagnostics.proxy_checks import check_proxies
from trellis_assets.domain.scheduling.prefetch import ENDPOINTS_FLAG
from trellis_assets.domain.statistics import StatisticsSnapshot
from trellis_assets.orchestration.dagster_home import (
    DAEMON_MODULE,
    LOCATION,
    dagster_home,
    name_secrets,
    write_dagster_home,
)
from trellis_assets.ports import StoreError, StoreGoneError, TaskStore
from trellis_assets.servers.dagster_guard import TOKEN_VARIABLE
from trellis_assets.servers.hosts import check_exposure, dialled_address, shown_host
from trellis_assets.settings import SECRETS, RunLauncherName, Settings
from trellis_assets.supervisor.own_server import INSTANCE_VARIABLE, OwnServer
from trellis_assets.supervisor.pages import PAGES_SECRETS, webserver_module
from trellis_assets.supervisor.processes import Child, become_subreaper, kill_descendants
from trellis_assets.supervisor.progress import SessionProgress, StopSignal
from trellis_assets.supervisor.run_limits import longest_stages
from trellis_assets.system.file_permissions import make_private_folder
from trellis_assets.system.heartbeat_files import heartbeat_folder
from trellis_assets.system.proxies import loopback_exceptions
from trellis_assets.system.tcp_ports import free_port, is_listening

if TYPE_CHECKING:
    from trellis_assets.supervisor.supervision import Supervision

START_TIMEOUT_S = 60.0
# `doctor` holds the lock for a moment when it looks whether somebody mines.
LOCK_PATIENCE_S = 2.0
CHILD_GRACE_S = 10.0
# The code server and the run workers that it starts pull, sign and tell; other parts get no key.
_SIGNERS = frozenset({"code_server", "run_workers"})
_SECRETS_OF = {
    "server": frozenset({"server_token"}),
    "gallery": frozenset({"server_token", "database_url", "files_options"}),
    "webserver": PAGES_SECRETS,
}
# The variables in which bittensor keeps passwords of encrypted keys.
_WALLET_PASSWORDS = "BT_PW_"


class MiningError(RuntimeError):
    """Mining cannot start; the text says what to do."""


def mine(settings: Settings, say: Callable[[str], None]) -> StatisticsSnapshot:
    """Tasks were mined until the limit was reached or a stop was asked; no process is left.

    Args:
        settings: as loaded; the session is added here.
        say: called with each line of progress.

    Raises:
        MiningError: another miner works on the same data folder, or the store was deleted meanwhile.
        WalletError, SettingsError, StoreError, ChildError: with what to do.
        MetagraphError: the list of validators cannot be read, and none is stored.
        StopRequestedError: a stop was asked before mining began.
    """
    with StopSignal().listening() as stop, single_instance_lock(settings.storage.folder):
        first = Pipeline(settings)
        with stop.interrupting():
            first.check()
            read_validators_at_start(first, say)
        server = OwnServer(settings) if settings.servers.start_server else None
        _check_ports(settings, server)
        _tell_proxies(first, say)
        store = first.store
        flags = _flags(settings) | {ENDPOINTS_FLAG: list(first.generator.endpoints)}
        session_id = store.start_session(first.clock.now(), flags)
        first_day = (store.beginning() or first.clock.now()).date()
        hotkey = first.network.miner_hotkey if settings.mining.harvest else None
        known = {"session_id": session_id, "first_day": first_day, "miner_hotkey": hotkey}
        settings = settings.changed(**known)
        pipeline = Pipeline(settings)
        try:
            try:
                with ExitStack() as stack:
                    children, code_port = _start(settings, store, server, stack, say)
                    supervision = _supervision(
                        pipeline, children, code_port, own_server=server, stack=stack, say=say
                    )
                    watch = SessionProgress(settings, store, pipeline.miner_hotkey, say, supervision.look)
                    watch.until_done(children, stop)
            finally:
                store.end_session(session_id, pipeline.clock.now())
                snapshot, path = pipeline.export_step().run()
        except StoreGoneError as error:
            raise MiningError(_saved(error, first)) from error
        say(f"statistics written to {path}")
        return snapshot


def _saved(error: StoreGoneError, pipeline: Pipeline) -> str:
    """What to tell once a deleted store is saved, by the connections that still have it open."""
    from trellis_assets.adapters.storage.backup import save_deleted_store

    try:
        target, tasks = save_deleted_store(pipeline.database.engine)
    except StoreError as failure:
        return f"mining has stopped: {error}, and its content is lost: {failure}"
    return (
        f"mining has stopped: {error}. Its {tasks} tasks are saved in {target}: "
        f"put them back with `trellis-assets restore {target}`, then start again"
    )


@contextmanager
def single_instance_lock(folder: Path) -> Iterator[None]:
    """Nobody else mines on the data folder until the block ends.

    Raises:
        MiningError: somebody does.
    """
    make_private_folder(folder)
    lock = FileLock(folder / "mine.lock", timeout=LOCK_PATIENCE_S)
    try:
        lock.acquire()
    except Timeout:
        raise MiningError(
            f"another `trellis-assets mine` works on {folder}: stop it, or set TRELLIS_DATA_DIR"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _tell_proxies(pipeline: Pipeline, say: Callable[[str], None]) -> None:
    for found in check_proxies(CheckContext(pipeline, reads_key=False)):
        say(f"proxy: {found.text}" + (f" ({found.advice})" if found.advice else ""))


def _check_ports(settings: Settings, server: OwnServer | None) -> None:
    """Return if no other program serves where our server and our pages will.

    Raises:
        MiningError: with the setting that moves the page.
    """
    if server is not None and (problem := server.problem()) is not None:
        raise MiningError(problem)
    if not settings.servers.webserver:
        return
    check_exposure(settings.servers.webserver_host, secret(settings.servers.webserver_token), TOKEN_VARIABLE)
    for name in ("webserver_port", "gallery_port"):
        port = settings.values()[name]
        if is_listening(port):
            variable = f"TRELLIS_{name.upper()}"
            raise MiningError(f"Port {port} is in use. Set {variable}, or stop the process that uses it.")


def _flags(settings: Settings) -> dict[str, object]:
    names = ("harvest", "validate_models", "submit", "min_score", "task_limit")
    return {"network": settings.network.display_name} | {name: settings.values()[name] for name in names}


def _start(
    settings: Settings,
    store: TaskStore,
    own_server: OwnServer | None,
    stack: ExitStack,
    say: Callable[[str], None],
) -> tuple[list[Child], int]:
    """Everything runs; leaving the stack ends it in the opposite order.

    Returns:
        The processes, and the port of the code server.
    """
    from trellis_assets.orchestration.warm_workers.launcher import is_pool_ready

    port = free_port()
    workspace = write_dagster_home(settings, port)
    home = dagster_home(settings)
    if settings.orchestration.run_launcher is RunLauncherName.WARM:
        _close_dead_runs(home, store, say)
        # Last of all, when every child has ended: nobody works on what is still called in progress.
        stack.callback(_close_dead_runs, home, store, say)
    become_subreaper()
    stack.callback(kill_descendants)
    logs = settings.storage.folder / "logs"

    def child(
        name: str,
        *command: str,
        is_ready: Callable[[], bool] = lambda: True,
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> Child:
        environment = _environment(settings, name) | {"DAGSTER_HOME": str(home), **more}
        made = Child(name, [sys.executable, "-m", *command], environment, logs / f"{name}.log", is_ready)
        made.start()
        stack.callback(made.stop, CHILD_GRACE_S)
        return made

    children = []
    if own_server is not None:
        server = child(
            "server",
            *("trellis_assets.cli", "server", "--port", str(own_server.port)),
            is_ready=own_server.is_ready,
            more={INSTANCE_VARIABLE: own_server.instance},
        )
        server.wait_ready(START_TIMEOUT_S)
        children.append(server)
    if settings.network.is_local and settings.mining.harvest:
        started = time.time()
        subnet = child(
            "subnet",
            "trellis_assets.cli",
            "subnet",
            is_ready=lambda: _is_newer(settings.metagraph_file, started),
        )
        subnet.wait_ready(START_TIMEOUT_S)
        children.append(subnet)
        say(f"local subnet of {settings.network.subnet_validators} validators is up")
    if settings.orchestration.run_launcher is RunLauncherName.WARM:
        workers = child(
            "run_workers",
            "trellis_assets.orchestration.warm_workers.pool",
            str(settings.orchestration.max_concurrent_runs),
            *("--progress", str(heartbeat_folder(settings))),
            *("--stages", json.dumps(longest_stages(settings))),
            is_ready=lambda: is_pool_ready(home),
        )
        children.append(workers)
    server_options = ("--host", "127.0.0.1", "--port", str(port), "--location-name", LOCATION)
    code = child(
        "code_server",
        *("dagster", "api", "grpc", "-m", "trellis_assets.definitions", *server_options),
        is_ready=lambda: is_listening(port),
    )
    for part in (*children, code):
        part.wait_ready(START_TIMEOUT_S)
    children += [code, child("daemon", DAEMON_MODULE, "run", "-w", str(workspace))]
    if settings.servers.webserver:
        children += _start_pages(settings, workspace, child, say)
    return children, port


def _supervision(
    pipeline: Pipeline,
    children: Sequence[Child],
    code_port: int,
    *,
    own_server: OwnServer | None,
    stack: ExitStack,
    say: Callable[[str], None],
) -> "Supervision":
    """Supervision of the processes, until the stack is left."""
    from trellis_assets.supervisor.supervision import Supervision

    name_secrets(pipeline.settings)
    supervision = Supervision(
        pipeline, {child.name: child for child in children}, code_port, say, own_server=own_server
    )
    stack.callback(supervision.stop)
    supervision.start()
    return supervision


def _close_dead_runs(home: Path, store: TaskStore, say: Callable[[str], None]) -> None:
    """Runs whose processes are gone hold no place in Dagster, and their tasks wait for no lease."""
    from trellis_assets.orchestration.orphaned_runs import close_dead_runs, dead_claims

    dead = close_dead_runs(home)
    for run in dead_claims(home, store.claims()):
        assert run.task_key is not None
        store.free_from_dead_run(run.task_key, run.run_id)
    if dead:
        say(f"{len(dead)} runs without a process closed; their tasks are taken up again")


def _environment(settings: Settings, part: str) -> dict[str, str]:
    """What a part is told: of secrets only what it uses."""
    inherited = dict(os.environ)
    if part not in _SIGNERS:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(_WALLET_PASSWORDS)}
    secrets = SECRETS if part in _SIGNERS else _SECRETS_OF.get(part, frozenset())
    return inherited | loopback_exceptions(inherited) | settings.environment(secrets)


def _start_pages(
    settings: Settings, workspace: Path, child: Callable[..., Child], say: Callable[[str], None]
) -> list[Child]:
    """What people open in a browser."""
    web_port, gallery_port = settings.servers.webserver_port, settings.servers.gallery_port
    web_host = dialled_address(settings.servers.webserver_host)
    web_module = webserver_module(workspace, settings.servers.webserver_host)
    pages = [
        child("webserver", *web_module, is_ready=lambda: is_listening(web_port, web_host)),
        child("gallery", "trellis_assets.cli", "gallery", is_ready=lambda: is_listening(gallery_port)),
    ]
    for page in pages:
        page.wait_ready(START_TIMEOUT_S)
    say(f"Dagster UI: http://{shown_host(web_host)}:{web_port}")
    say(f"gallery: http://127.0.0.1:{gallery_port}")
    return pages


def _is_newer(path: Path | None, started: float) -> bool:
    # File systems may round times down: a second of slack.
    return path is not None and path.exists() and path.stat().st_mtime >= started - 1
