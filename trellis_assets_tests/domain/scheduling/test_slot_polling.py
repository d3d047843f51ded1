"""How often a task in line looks for a free endpoint."""

from datetime import timedelta

import pytest

from trellis_assets.domain.endpoints.endpoints import Endpoint
from trellis_assets.domain.scheduling.slot_polling import (
    CLOSE_INTERVAL_S,
    LONGEST_SLOT_POLL_S,
    SLOT_POLL_S,
    slot_poll_interval_s,
)
from trellis_assets.testing.fakes import NOW


def busy(for_s: float, *paces_s: float) -> Endpoint:
    return Endpoint("gpu", held_by=1, began_at=NOW - timedelta(seconds=for_s), recent_s=paces_s)


def test_an_endpoint_about_to_be_free_is_polled_closely() -> None:
    assert slot_poll_interval_s([busy(9.98, 10.0)], NOW, 1.0) == CLOSE_INTERVAL_S
    assert slot_poll_interval_s([busy(10.2, 10.0)], NOW, 1.0) == CLOSE_INTERVAL_S, "a little overdue"


def test_before_that_slots_are_polled_seldom() -> None:
    assert slot_poll_interval_s([busy(5.0, 10.0)], NOW, 0.0) == LONGEST_SLOT_POLL_S
    assert slot_poll_interval_s([busy(9.8, 10.0)], NOW, 0.0) == pytest.approx(0.15)


def test_the_endpoint_that_is_free_first_counts() -> None:
    assert slot_poll_interval_s([busy(1.0, 60.0), busy(9.98, 10.0)], NOW, 1.0) == CLOSE_INTERVAL_S


def test_a_generation_that_takes_much_longer_is_waited_for_patiently() -> None:
    assert slot_poll_interval_s([busy(30.0, 10.0)], NOW, 20.0) == LONGEST_SLOT_POLL_S


def test_without_a_known_pace_slots_are_polled_soon_and_then_seldom() -> None:
    assert slot_poll_interval_s([busy(1.0)], NOW, 0.0) == SLOT_POLL_S
    assert slot_poll_interval_s([Endpoint("gpu")], NOW, 2.0) == pytest.approx(0.1)
    assert slot_poll_interval_s([], NOW, 60.0) == LONGEST_SLOT_POLL_S
