"""Names of policies, as the operator sets them."""

import pytest

from trellis_assets.domain.learning.wanted_policy import (
    PolicyError,
    PolicyName,
    parse_policy,
)
from trellis_assets.settings import Settings, SettingsError


@pytest.mark.parametrize("text", ["single", "learned", "best-of-1", "best-of-3", "best-of-16"])
def test_a_policy_is_shown_as_it_was_set(text: str) -> None:
    assert parse_policy(text).label == text
    assert parse_policy(f" {text.upper()} ").label == text


def test_best_of_three_makes_three_candidates() -> None:
    assert (parse_policy("best-of-3").name, parse_policy("best-of-3").count) == (PolicyName.BEST_OF_N, 3)


@pytest.mark.parametrize(
    "text",
    ["", "best", "best-of-N", "best-of-0", "best-of-17", "best-of--1", "best-of-³", "best-of-1.5"],
)
def test_another_name_is_refused_with_what_can_be_set(text: str) -> None:
    with pytest.raises(PolicyError, match="single, learned, or best-of-N"):
        parse_policy(text)
    with pytest.raises(SettingsError, match=r"TRELLIS_POLICY.*best-of-3"):
        Settings.load(env_file=None, policy=text)
