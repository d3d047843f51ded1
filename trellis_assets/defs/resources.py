"""The one resource: the pipeline of this process, from the settings of its environment."""

from functools import cache

import dagster as dg

from trellis_assets.composition import Pipeline
from trellis_assets.settings import Settings
from trellis_assets.system.file_permissions import restrict_umask
from trellis_assets.system.proxies import bypass_proxies_for_loopback


@cache
def _pipeline() -> Pipeline:
    # Where `dagster dev` started this process, and not our command line.
    restrict_umask()
    bypass_proxies_for_loopback()
    return Pipeline(Settings.load())


class PipelineResource(dg.ConfigurableResource[Pipeline]):
    """Store, files, subnet, generator and validator as the settings (`TRELLIS_…`) say."""

    def get(self) -> Pipeline:
        """The pipeline; opened at the first call of the process."""
        return _pipeline()
