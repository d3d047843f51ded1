"""Steps and guidance of TRELLIS's two samplers."""

from collections.abc import Mapping
from typing import Any

from trellis_assets.domain.generation_requests import GenerationRequest, Route, Sampling
from trellis_assets.domain.generation_settings import UsedSettings
from trellis_assets.domain.tasks import TaskKind

# Tuned for pictures of words, and so for TRELLIS's image models alone (PROTOCOL 7).
PICTURE_STEPS = {"ss": 13, "slat": 14}
PICTURE_GUIDANCE = {"ss": 8.5, "slat": 9.0}
# Where a pipeline names none: the default of TRELLIS's Euler sampler.
_STEPS = 50

Sampler = dict[str, float | int]


def sampler_settings(pipeline: Any, request: GenerationRequest) -> tuple[Sampler, Sampler]:
    """Return the settings of the sparse structure's sampler and of the structured latent's.

    What the request leaves open is tuned for pictures with the image pipeline; the text pipeline keeps
    what its own weights bring along. What is not returned (interval, schedule) is the pipeline's own.
    """
    wanted = request.sampling
    own = (pipeline.sparse_structure_sampler_params, pipeline.slat_sampler_params)
    is_picture = request.kind is TaskKind.IMAGE
    return (
        _settings("ss" if is_picture else None, own[0], wanted.ss_steps, wanted.ss_guidance),
        _settings("slat" if is_picture else None, own[1], wanted.slat_steps, wanted.slat_guidance),
    )


def used_settings(
    pipeline: Any, request: GenerationRequest, structure: Sampler, latent: Sampler
) -> UsedSettings:
    """Return what the samplers were given, with what comes from the pipeline itself.

    Args:
        pipeline: of TRELLIS.
        request: what is asked for.
        structure: as `sampler_settings` returned it.
        latent: likewise.
    """
    structure = {**pipeline.sparse_structure_sampler_params, **structure}
    latent = {**pipeline.slat_sampler_params, **latent}
    sampling = Sampling(
        ss_steps=int(structure["steps"]),
        ss_guidance=_guidance(structure),
        slat_steps=int(latent["steps"]),
        slat_guidance=_guidance(latent),
    )
    return UsedSettings(sampling, Route.DIRECT if request.kind is TaskKind.TEXT else None)


def _guidance(given: Mapping[str, Any]) -> float | None:
    strength = given.get("cfg_strength")
    return None if strength is None else float(strength)


def _settings(tuned: str | None, own: Sampler, steps: int | None, guidance: float | None) -> Sampler:
    settings: Sampler = {"steps": steps or (PICTURE_STEPS[tuned] if tuned else own.get("steps", _STEPS))}
    if guidance is not None:
        settings["cfg_strength"] = guidance
    elif tuned is not None:
        settings["cfg_strength"] = PICTURE_GUIDANCE[tuned]
    return settings
