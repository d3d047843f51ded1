"""The pipeline of a test, as Dagster's definitions get it."""

from trellis_assets.composition import Pipeline
from trellis_assets.settings import Settings
from trellis_assets.testing.fakes import ScriptedNetwork


class ScriptedPipeline(Pipeline):
    """The pipeline over a scripted subnet."""

    def __init__(self, settings: Settings, network: ScriptedNetwork) -> None:
        super().__init__(settings)
        self.__dict__["network"] = network


class Resource:
    """Hands out steps of the test's pipeline."""

    def __init__(self, steps: object) -> None:
        self._steps = steps

    def get(self) -> object:
        return self._steps


def resources_of(parts: Pipeline) -> dict[str, Resource]:
    """Return the pipeline's steps by the keys of Dagster's resources."""
    steps = {
        "subnet": parts.subnet,
        "miner": parts.mining,
        "store": parts.maintenance,
        "reports": parts.reports,
    }
    return {key: Resource(of_subject) for key, of_subject in steps.items()}
