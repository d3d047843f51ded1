"""The embedded generator behind a generation server."""

from trellis_assets.adapters.generation.embedded.generator import EmbeddedGenerator
from trellis_assets.adapters.generation.embedded.vocabulary import load_vocabulary
from trellis_assets.adapters.weights.revisions import Revisions
from trellis_assets.domain.generation_requests import BackendState, GenerationRequest, Route
from trellis_assets.domain.generation_settings import UsedSettings
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import Watch
from trellis_assets.settings.servers import ServersSettings


class EmbeddedBackend:
    """The embedded generator: it has no weights to unload, and ignores sampler settings."""

    kinds = frozenset({TaskKind.TEXT, TaskKind.IMAGE})

    def __init__(self) -> None:
        self._generator = EmbeddedGenerator()

    @property
    def name(self) -> str:
        """Return backend and version."""
        return self._generator.name

    def load(self) -> None:
        """Read the vocabulary."""
        load_vocabulary()

    def generate(self, request: GenerationRequest, watch: Watch) -> GaussianSplats:
        """Return the model of the embedded generator.

        Raises:
            PromptRefusedError: an empty prompt, or a picture that cannot be read.
            GenerationStoppedError: called off before it began.
        """
        watch("building", 0.0)
        return self._generator.generate(
            request.prompt, kind=request.kind, seed=request.seed, endpoint="embedded"
        )

    def used_settings(self, request: GenerationRequest) -> UsedSettings:
        """Return that words take the direct route; there are no samplers."""
        return UsedSettings(route=Route.DIRECT if request.kind is TaskKind.TEXT else None)

    def state(self) -> BackendState:
        """Return an empty state: no weights are loaded."""
        return BackendState()

    def unload(self) -> None:
        """Do nothing: there are no weights."""


def build(_servers: ServersSettings, _revisions: Revisions) -> EmbeddedBackend:
    """Return the backend: it has no settings and no weights."""
    return EmbeddedBackend()
