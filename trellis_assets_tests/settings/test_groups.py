"""Each setting is in one group, and each group builds the policies that its settings decide."""

from datetime import timedelta

import pytest

from trellis_assets.domain.metagraph_reads import CHAIN_BACKOFF, FILE_BACKOFF
from trellis_assets.domain.retention import RetentionPolicy
from trellis_assets.domain.scheduling.poll_spacing import PollSpacing, poll_backoff
from trellis_assets.domain.task_policies import GenerationPolicy, SubmissionPolicy, ValidationPolicy
from trellis_assets.domain.validators import EligibilityPolicy
from trellis_assets.settings import FIELDS, Settings
from trellis_assets.settings.groups import GROUPS


def test_no_two_groups_have_a_setting_of_the_same_name() -> None:
    assert sum(len(group.model_fields) for group in GROUPS.values()) == len(FIELDS)


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, info in FIELDS.items() if not info.description] == []


def test_groups_build_their_policies() -> None:
    settings = Settings.load(
        duplicate_policy="skip", duplicate_window_h=6, min_score=0.5, submit=False, models_max_gb=2
    )
    window = timedelta(hours=6)
    assert settings.generation.policy() == GenerationPolicy(duplicate_window=window, retries=4)
    assert settings.validation.policy() == ValidationPolicy(min_score=0.5)
    assert settings.mining.submission_policy(0.5) == SubmissionPolicy(is_enabled=False, min_score=0.5)
    kept = settings.retention.policy(settings.generation.duplicate_window)
    assert kept == RetentionPolicy(prompts_for=window, models_max_bytes=2_000_000_000)


def test_changed_settings_differ_in_the_named_values_alone() -> None:
    settings = Settings.load()
    changed = settings.changed(session_id=7, miner_hotkey="5Abc")
    differing = {name for name, value in changed.values().items() if settings.values()[name] != value}
    assert differing == {"session_id", "miner_hotkey"}
    assert settings.mining.session_id is None


def test_a_name_that_is_no_setting_is_refused_in_code() -> None:
    with pytest.raises(TypeError, match="min_scor"):
        Settings.load(min_scor=0.5)
    with pytest.raises(TypeError, match="min_scor"):
        Settings.load().changed(min_scor=0.5)


def test_polls_are_spaced_by_the_rules_of_the_network() -> None:
    local, real = Settings.load().network, Settings.load(network="finney", error_backoff_s=100).network
    assert local.poll_spacing() == PollSpacing(timedelta(seconds=3), poll_backoff(timedelta(seconds=10)))
    assert real.poll_spacing() == PollSpacing(timedelta(seconds=45), poll_backoff(timedelta(seconds=100)))
    assert (local.metagraph_backoff(), real.metagraph_backoff()) == (FILE_BACKOFF, CHAIN_BACKOFF)
    assert Settings.load(min_stake=5, require_permit=False).network.eligibility_policy() == EligibilityPolicy(
        5, require_permit=False
    )
