"""Resources by subject: an asset's, op's or sensor's parameters say what it needs.

| key       | gives              | used by                                                |
|-----------|--------------------|--------------------------------------------------------|
| `subnet`  | `SubnetSteps`      | sensors, `validators`                                  |
| `miner`   | `MiningSteps`      | ops of `mine_task_job`, `idle_validation`              |
| `store`   | `MaintenanceSteps` | `task_table`, asset checks, `maintain_store_job`       |
| `reports` | `ReportSteps`      | statistics, `reward_report`, `task_report`             |

All of them share the adapters of one pipeline per process, from the settings of its environment.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from trellis_assets.composition import MaintenanceSteps, MiningSteps, Pipeline, ReportSteps, SubnetSteps
from trellis_assets.settings import Settings
from trellis_assets.system.file_permissions import restrict_umask
from trellis_assets.system.once import once
from trellis_assets.system.proxies import bypass_proxies_for_loopback


@once
def _pipeline() -> Pipeline:
    """Return the pipeline of this process; Dagster evaluates sensors in several threads.

    With a pipeline for each thread there would be a poller for each, which together exceed the task limit.
    """
    # Where `dagster dev` started this process, and not our command line.
    restrict_umask()
    bypass_proxies_for_loopback()
    pipeline = Pipeline(Settings.load())
    # From Python 3.12 on a cached property has no lock: here they are made in one thread.
    _ = pipeline.subnet, pipeline.mining, pipeline.maintenance, pipeline.reports
    return pipeline


class SubnetResource(dg.ConfigurableResource[SubnetSteps]):
    """The subnet: its validators, polls, and the runs that tasks need."""

    def get(self) -> SubnetSteps:
        """Return the steps; the pipeline is built at the first call of the process."""
        return _pipeline().subnet


class MinerResource(dg.ConfigurableResource[MiningSteps]):
    """Generation, validation and submission of tasks."""

    def get(self) -> MiningSteps:
        """Return the steps; the pipeline is built at the first call of the process."""
        return _pipeline().mining


class StoreResource(dg.ConfigurableResource[MaintenanceSteps]):
    """The store: task table, consistency checks, retention."""

    def get(self) -> MaintenanceSteps:
        """Return the steps; the pipeline is built at the first call of the process."""
        return _pipeline().maintenance


class ReportsResource(dg.ConfigurableResource[ReportSteps]):
    """Statistics and reports."""

    def get(self) -> ReportSteps:
        """Return the steps; the pipeline is built at the first call of the process."""
        return _pipeline().reports


RESOURCES: Mapping[str, dg.ConfigurableResource[Any]] = {
    "subnet": SubnetResource(),
    "miner": MinerResource(),
    "store": StoreResource(),
    "reports": ReportsResource(),
}
