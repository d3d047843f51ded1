"""Settings in, the adapters and steps they ask for out."""

from trellis_assets.composition.backends import local_judge, secret
from trellis_assets.composition.pipeline import Pipeline

__all__ = ["Pipeline", "local_judge", "secret"]
