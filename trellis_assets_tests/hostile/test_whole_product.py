"""The short form of `make hostile`: the whole product beside a validator for every attack."""

from pathlib import Path

import pytest

from trellis_assets_tests.hostile.__main__ import MOST_GROWTH_MB
from trellis_assets_tests.hostile.hostile_run import HostileRun, Measured, mine, subnet_with_hostile_peers

pytestmark = [pytest.mark.timeout(600)]


@pytest.mark.slow
@pytest.mark.faults_long
@pytest.mark.xdist_group("end_to_end")
def test_honest_validators_are_served_beside_a_hostile_one_for_every_attack(tmp_path: Path) -> None:
    """Paces of so short a time say little: the full form compares them."""
    with subnet_with_hostile_peers(tmp_path) as (validators, hostile):
        measured = mine(tmp_path, "beside_hostile", validators, 30, print)
        assert measured.accepted >= 3
        assert measured.growth_mb <= MOST_GROWTH_MB
        assert measured.lag_s < 5, "one answer once held the loop for 42 s"
        assert hostile.polls >= len(hostile.peers) / 2
        assert hostile.led_to.requests == []


def test_each_exceeded_bound_is_reported() -> None:
    from trellis_assets_tests.hostile.__main__ import exceeded_bounds

    good, bad = Measured(100, 60, 0.1, 5, 300), Measured(80, 60, 0.7, 150, 500)
    assert exceeded_bounds(HostileRun(good, good, 60, 100, [], 0)) == []
    assert len(exceeded_bounds(HostileRun(good, bad, 60, 100, ["silence"], 1))) == 5
