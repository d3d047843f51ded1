"""Result cache: a caller whose answer was lost gets its model again without another generation."""

from dataclasses import fields

from trellis_assets.domain.generation_requests import GenerationRequest
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.system.bounded_cache import BoundedCache

MODELS = 8
MAX_BYTES = 512 * 1024 * 1024


class ResultCache(BoundedCache[GenerationRequest, GaussianSplats]):
    """The models made last, by their whole request: same prompt, seed and settings."""

    def __init__(self, models: int = MODELS, max_bytes: int = MAX_BYTES) -> None:
        """Create an empty cache. The newest model is cached however large it is."""
        super().__init__(models, max_bytes, _bytes_of)


def _bytes_of(splats: GaussianSplats) -> int:
    """Return the bytes of the arrays."""
    return sum(int(getattr(splats, field.name).nbytes) for field in fields(splats))
