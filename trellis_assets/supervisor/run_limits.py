"""How long a run worker may take for each stage of a run, by the settings."""

from trellis_assets.domain.heartbeats import Stage, stage_bounds
from trellis_assets.settings import Settings


def longest_stages(settings: Settings) -> dict[Stage, float]:
    """Return the bound of each stage in seconds; a worker that takes longer is replaced."""
    return stage_bounds(
        generation_s=settings.generation.generation_timeout_s,
        validation_s=settings.validation.validation_timeout_s,
        submission_s=settings.network.submit_timeout_s,
    )
