"""Decide what of the picture route stays on the GPU, by how much memory there is."""

from dataclasses import dataclass

from trellis_assets.domain.picture_route import MemoryProfile
from trellis_assets.system.compat import StrEnum

GIB = 1024**3


class Between(StrEnum):
    """Where a stage's model is while another stage works."""

    STAYS = "stays on the GPU"
    PARKED = "waits in main memory"
    UNLOADED = "is unloaded"


class Offload(StrEnum):
    """How the picture's pipeline uses the GPU while it works itself (diffusers' words)."""

    NONE = "none"
    MODEL = "model"  # one of its models on the GPU at a time
    SEQUENTIAL = "sequential"  # one layer at a time: slow, and fits nearly everywhere


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Where the three models are, stage by stage.

    Attributes:
        picture: the text-to-image pipeline while the others work. What is offloaded is in main memory
            then anyway: `STAYS` costs the GPU nothing where `offload` is not `NONE`.
        cut: the segmentation model while the others work.
        trellis: TRELLIS while the picture is made and cut.
        offload: how the text-to-image pipeline works.
    """

    picture: Between
    cut: Between
    trellis: Between
    offload: Offload


_PLANS = {
    MemoryProfile.GB_8: MemoryPlan(Between.UNLOADED, Between.UNLOADED, Between.UNLOADED, Offload.SEQUENTIAL),
    MemoryProfile.GB_16: MemoryPlan(Between.STAYS, Between.PARKED, Between.PARKED, Offload.MODEL),
    MemoryProfile.GB_24: MemoryPlan(Between.STAYS, Between.STAYS, Between.PARKED, Offload.MODEL),
    MemoryProfile.GB_48: MemoryPlan(Between.STAYS, Between.STAYS, Between.STAYS, Offload.NONE),
}
# A card sold as 24 GB has 23.5 GiB, of which the driver takes some.
_LEAST_GIB = ((MemoryProfile.GB_48, 44.0), (MemoryProfile.GB_24, 21.5), (MemoryProfile.GB_16, 14.0))


def profile_of(free_bytes: int | None) -> MemoryProfile:
    """Return the largest profile that fits into the free memory; 8 below all of them.

    Args:
        free_bytes: free on the GPU before anything is loaded; None without a GPU, where all stays
            in main memory and nothing is won by moving it.
    """
    if free_bytes is None:
        return MemoryProfile.GB_48
    fitting = (profile for profile, least in _LEAST_GIB if free_bytes >= least * GIB)
    return next(fitting, MemoryProfile.GB_8)


def plan_for(profile: MemoryProfile, free_bytes: int | None) -> MemoryPlan:
    """Return where each model is, by the profile that was set or, with `auto`, by the free memory.

    Worked example: `auto` with 23 GiB free is the profile 24: the picture's pipeline is offloaded by
    whole models, the segmentation model stays, TRELLIS waits in main memory while a picture is made.
    """
    return _PLANS[profile_of(free_bytes) if profile is MemoryProfile.AUTO else profile]


def free_memory(device: str) -> int | None:
    """Return the bytes that are free on the device or held by this process; None where it is no GPU."""
    import torch

    if not device.startswith("cuda") or not torch.cuda.is_available():
        return None
    free, _ = torch.cuda.mem_get_info(device)
    return int(free) + int(torch.cuda.memory_reserved(device))
