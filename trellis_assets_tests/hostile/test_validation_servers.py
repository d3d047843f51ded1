"""Every attack by the validation server: the model goes on without a verdict, in bounded time and memory."""

import gc
import json
import tracemalloc

import pytest

from trellis_assets.adapters.splat_io.spz import encode_spz
from trellis_assets.adapters.validation.http import HttpValidator
from trellis_assets.domain.submissions import HandBackReason, quality_gate
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.ports import ValidationUnavailableError
from trellis_assets.system.clock import SystemClock
from trellis_assets.testing.hostile_peer import (
    ATTACKS,
    Attack,
    Conversation,
    answers,
    hostile_peer,
    redirects,
)
from trellis_assets.testing.splats import a_ball

SPZ = encode_spz(a_ball())
# The attacker is in this process too, and makes 32 MB for its bomb.
MOST_MEMORY = 48 << 20


def on_scores(attack: Attack) -> Attack:
    """Tell the version as the subnet's service does, and attack whoever asks for a score."""

    def converse(peer: Conversation) -> None:
        (peer.answer if b"/version/" in peer.request[:100] else lambda body: attack(peer))(b'"2.4.0"')

    return converse


def verdict_of(attack: Attack) -> Verdict:
    with hostile_peer(attack) as peer:
        validator = HttpValidator(f"http://127.0.0.1:{peer.port}", timeout_s=1.0, clock=SystemClock())
        return validator.validate(SPZ, prompt="a red vase", kind=TaskKind.TEXT)


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_on_a_validation_is_no_verdict(attack: str) -> None:
    gc.collect()
    tracemalloc.start()
    try:
        with pytest.raises(ValidationUnavailableError) as failed:
            verdict_of(on_scores(ATTACKS[attack]))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert str(failed.value).isprintable()
    assert len(str(failed.value)) <= 400
    assert peak < MOST_MEMORY


@pytest.mark.parametrize("attack", ["silence", "headers that drip", "a page", "nested lists"])
def test_an_attack_on_the_question_for_the_version_is_no_verdict(attack: str) -> None:
    with pytest.raises(ValidationUnavailableError):
        verdict_of(ATTACKS[attack])


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirect_is_not_followed_with_the_model(status: int) -> None:
    with hostile_peer(answers(b"{}")) as other:
        elsewhere = f"http://127.0.0.1:{other.port}/"
        with pytest.raises(ValidationUnavailableError, match=str(status)):
            verdict_of(on_scores(redirects(elsewhere, status)))
        assert other.requests == []


def test_a_server_that_praises_everything_lets_no_invalid_model_through() -> None:
    """The subnet's checks of the data are ours; a score counts only where they pass."""
    perfect = answers(json.dumps({"score": 1.0, "iqa": 1.0, "alignment_score": 1.0}).encode())
    with hostile_peer(on_scores(perfect)) as peer:
        validator = HttpValidator(f"http://127.0.0.1:{peer.port}", timeout_s=5.0, clock=SystemClock())
        verdict = validator.validate(encode_spz(a_ball(6999)), prompt="x", kind=TaskKind.TEXT)
        assert peer.requests == [], "it is not even asked"
    assert (verdict.score, len(verdict.failed_checks)) == (0.0, 1)
    gate = quality_gate(verdict, min_score=0.0, validator_threshold=0.6, requires_verdict=False)
    assert gate is HandBackReason.INVALID_MODEL
