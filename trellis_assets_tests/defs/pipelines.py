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
    """Hands out the pipeline of the test."""

    def __init__(self, parts: Pipeline) -> None:
        self._parts = parts

    def get(self) -> Pipeline:
        return self._parts
