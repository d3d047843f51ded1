"""The metrics of a data folder: where its store, its heartbeats and its disk are read."""

import shutil
import time
from importlib.metadata import version
from typing import TYPE_CHECKING

from trellis_assets.composition.adapters import Adapters
from trellis_assets.domain.monitoring import MonitoringFacts
from trellis_assets.ports import StoreError
from trellis_assets.settings import Settings
from trellis_assets.system.heartbeat_files import heartbeat_folder, read_all_heartbeats

if TYPE_CHECKING:
    from trellis_assets.observability.metrics.exposition import Exposition
    from trellis_assets.observability.metrics.machine_metrics import MachineFacts


def exposition(adapters: Adapters) -> "Exposition":
    """Return the metrics of all processes that work on the data folder, for any process to export."""
    from trellis_assets.observability.metrics.exposition import Exposition

    def read_store() -> MonitoringFacts | None:
        try:
            return adapters.monitoring.facts(adapters.clock.now())
        except StoreError:
            return None

    return Exposition(read_store, lambda: _machine(adapters.settings))


def _machine(settings: Settings) -> "MachineFacts":
    from trellis_assets.observability.metrics.machine_metrics import MachineFacts

    disk = shutil.disk_usage(settings.storage.folder)
    file = settings.storage.store_file
    return MachineFacts(
        now_s=time.time(),
        monotonic_s=time.monotonic(),
        version=version("trellis-assets"),
        heartbeats=read_all_heartbeats(heartbeat_folder(settings)),
        disk_free=disk.free,
        disk_size=disk.total,
        store_size=file.stat().st_size if file is not None and file.is_file() else None,
    )
