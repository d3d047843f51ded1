"""The plan of what stays on the GPU, by how much memory there is."""

from itertools import pairwise

import pytest

from trellis_assets.adapters.generation.picture.memory import (
    GIB,
    Between,
    Offload,
    free_memory,
    plan_for,
    profile_of,
)
from trellis_assets.domain.picture_route import MemoryProfile


@pytest.mark.parametrize(
    ("free_gib", "profile"),
    [
        (79.0, "48"),
        (47.4, "48"),
        (43.9, "24"),
        (23.5, "24"),
        (21.4, "16"),
        (15.7, "16"),
        (13.9, "8"),
        (5, "8"),
    ],
)
def test_profile_is_the_largest_that_fits_into_the_free_memory(free_gib: float, profile: str) -> None:
    assert profile_of(int(free_gib * GIB)) == profile
    assert plan_for(MemoryProfile.AUTO, int(free_gib * GIB)) == plan_for(MemoryProfile(profile), None)


def test_profile_that_was_set_goes_before_what_is_free() -> None:
    assert plan_for(MemoryProfile.GB_8, 80 * GIB) == plan_for(MemoryProfile.GB_8, None)


def test_without_a_gpu_nothing_is_moved() -> None:
    assert free_memory("cpu") is None
    plan = plan_for(MemoryProfile.AUTO, None)
    assert {plan.picture, plan.cut, plan.trellis} == {Between.STAYS}


def test_less_memory_never_keeps_more_on_the_gpu() -> None:
    order = list(Between)
    plans = [plan_for(profile, None) for profile in MemoryProfile if profile is not MemoryProfile.AUTO]
    for smaller, larger in pairwise(plans):
        for stage in ("cut", "trellis"):
            assert order.index(getattr(smaller, stage)) >= order.index(getattr(larger, stage))
        assert list(Offload).index(smaller.offload) >= list(Offload).index(larger.offload)


def test_eight_gigabytes_hold_one_model_at_a_time() -> None:
    plan = plan_for(MemoryProfile.GB_8, None)
    assert {plan.picture, plan.cut, plan.trellis} == {Between.UNLOADED}
    assert plan.offload is Offload.SEQUENTIAL
