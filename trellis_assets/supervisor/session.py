"""A mining session: start its processes, supervise them until the tasks are done, stop them."""

from contextlib import ExitStack
from typing import TYPE_CHECKING

from trellis_assets.composition import Pipeline
from trellis_assets.diagnostics.chain_checks import read_validators_at_start
from trellis_assets.domain.scheduling.prefetch import ENDPOINTS_FLAG
from trellis_assets.domain.sessions import MINER_FLAG
from trellis_assets.domain.statistics import StatisticsSnapshot
from trellis_assets.orchestration.dagster_home import name_secrets
from trellis_assets.orchestration.first_day import record_first_day
from trellis_assets.ports import Store, StoreError, StoreGoneError
from trellis_assets.settings import Settings
from trellis_assets.supervisor.errors import MiningError
from trellis_assets.supervisor.instance_lock import single_instance_lock
from trellis_assets.supervisor.own_server import OwnServer
from trellis_assets.supervisor.preflight import check_ports, report_proxies
from trellis_assets.supervisor.progress import SessionProgress
from trellis_assets.supervisor.session_output import SessionOutput
from trellis_assets.supervisor.session_processes import SessionProcesses
from trellis_assets.supervisor.stop_signal import StopSignal

if TYPE_CHECKING:
    from trellis_assets.supervisor.supervision import Supervision


def mine(settings: Settings, output: SessionOutput) -> StatisticsSnapshot:
    """Mine until the task limit is reached or a stop is requested. Afterwards no process is left.

    Args:
        settings: as loaded; the session is added here.
        output: shows the session.

    Returns:
        The statistics of the session, which are also exported to a file.

    Raises:
        MiningError: another miner uses the data folder, or the store was deleted meanwhile.
        WalletError, SettingsError, StoreError, ChildError: with what to do.
        MetagraphError: the list of validators cannot be read, and none is stored.
        StopRequestedError: a stop was requested before mining began.
    """
    say = output.say
    with StopSignal().listening() as stop, single_instance_lock(settings.storage.folder):
        first = Pipeline(settings)
        with stop.interrupting():
            first.check()
            read_validators_at_start(first, say)
        server = OwnServer(settings) if settings.servers.start_server else None
        check_ports(settings, server)
        report_proxies(first, say)
        pipeline = _open_session(first)
        try:
            return _run(pipeline, first.store, server, stop, output)
        except StoreGoneError as error:
            raise MiningError(_saved(error, first)) from error


def _open_session(first: Pipeline) -> Pipeline:
    """Record a new session, and return the pipeline with its settings."""
    settings, store = first.settings, first.store
    hotkey = first.network.miner_hotkey if settings.mining.harvest else None
    flags = _flags(settings) | {ENDPOINTS_FLAG: list(first.generator.endpoints), MINER_FLAG: hotkey}
    session_id = store.sessions.start(first.clock.now(), flags)
    first_day = record_first_day(settings, (store.sessions.first_start() or first.clock.now()).date())
    known = {"session_id": session_id, "first_day": first_day, "miner_hotkey": hotkey}
    return Pipeline(settings.changed(**known))


def _run(
    pipeline: Pipeline,
    store: Store,
    server: OwnServer | None,
    stop: StopSignal,
    output: SessionOutput,
) -> StatisticsSnapshot:
    """Run the session until it is done, then end it in the store and export its statistics."""
    settings = pipeline.settings
    assert settings.mining.session_id is not None
    try:
        with ExitStack() as stack:
            processes = SessionProcesses(settings, store, server, stack, output.say)
            processes.start()
            supervision = _supervise(pipeline, processes)
            details = pipeline.reports.read_session_view_step()
            progress = SessionProgress(
                settings, store, pipeline.miner_hotkey, output, details, supervision.run_once
            )
            progress.until_done(processes.children, stop)
    finally:
        store.sessions.end(settings.mining.session_id, pipeline.clock.now())
        snapshot, path = pipeline.reports.export_statistics_step().run()
    output.say(f"Statistics were written to {path}.")
    return snapshot


def _supervise(pipeline: Pipeline, processes: SessionProcesses) -> "Supervision":
    """Start to check the processes and what they use, until the stack of the processes is left."""
    from trellis_assets.supervisor.supervision import Supervision

    name_secrets(pipeline.settings)
    supervision = Supervision(
        pipeline,
        {child.name: child for child in processes.children},
        processes.code_port,
        processes.say,
        own_server=processes.own_server,
    )
    processes.stack.callback(supervision.stop)
    supervision.start()
    return supervision


def _flags(settings: Settings) -> dict[str, object]:
    names = ("harvest", "validate_models", "submit", "min_score", "task_limit")
    return {"network": settings.network.display_name} | {name: settings.values()[name] for name in names}


def _saved(error: StoreGoneError, pipeline: Pipeline) -> str:
    """Save a deleted store by the connections that still have it open, and return what to say."""
    from trellis_assets.adapters.storage.backup import save_deleted_store

    try:
        target, tasks = save_deleted_store(pipeline.database.engine)
    except StoreError as failure:
        return f"Mining has stopped: {error}. Its content is lost: {failure}."
    return (
        f"Mining has stopped: {error}. Its {tasks} tasks are saved in {target}. "
        f"Put them back with `trellis-assets restore {target}`, then start again."
    )
