"""The embedded generator behind a generation server."""

from trellis_assets.adapters.generation.embedded.generator import EmbeddedGenerator
from trellis_assets.adapters.generation.embedded.vocabulary import load_vocabulary
from trellis_assets.domain.generation_requests import BackendState, GenerationRequest
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import Watch


class EmbeddedBackend:
    """Nothing to unload; the samplers' settings mean nothing to it."""

    kinds = frozenset({TaskKind.TEXT, TaskKind.IMAGE})

    def __init__(self) -> None:
        self._generator = EmbeddedGenerator()

    @property
    def name(self) -> str:
        """Backend and version."""
        return self._generator.name

    def load(self) -> None:
        """Read the vocabulary."""
        load_vocabulary()

    def generate(self, order: GenerationRequest, watch: Watch) -> GaussianSplats:
        """As the embedded generator does it.

        Raises:
            PromptRefusedError: an empty prompt, or a picture that cannot be read.
            GenerationStoppedError: called off before it began.
        """
        watch("building", 0.0)
        return self._generator.generate(order.prompt, kind=order.kind, seed=order.seed, endpoint="embedded")

    def state(self) -> BackendState:
        """Nothing."""
        return BackendState()

    def unload(self) -> None:
        """Nothing to do."""
