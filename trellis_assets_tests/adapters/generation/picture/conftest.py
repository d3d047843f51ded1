"""Fixtures of this folder."""

import pytest

from trellis_assets_tests.saved_networks import one_thread, saved

__all__ = ["one_thread", "saved"]


@pytest.fixture(autouse=True)
def _quick(one_thread: None) -> None:
    """On one thread."""
