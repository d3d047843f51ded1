"""Whole verdicts against what the subnet's own engine gave; run by `make test-neural`.

`reference.json` was recorded by `record_reference.py`, which says how.
"""

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("open_clip", reason="OpenCLIP is not installed: `make test-neural` has it")

from trellis_assets.adapters.splat_io.spz import encode_spz
from trellis_assets.adapters.validation.neural.validator import NeuralValidator
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.testing.fakes import FakeClock
from trellis_assets.testing.splats import a_ball
from trellis_assets_tests.adapters.validation.neural import cases
from trellis_assets_tests.adapters.validation.neural.open_clip_weights import (
    write_open_clip_weights,
)
from trellis_assets_tests.adapters.validation.neural.record_reference import PROMPTS

RECORDED: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("reference.json").read_text(encoding="utf-8")
)["parts"]
SPZ = encode_spz(a_ball())


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> NeuralValidator:
    folder = tmp_path_factory.mktemp("weights") / "weights"
    write_open_clip_weights(folder)
    return NeuralValidator(FakeClock(), weights_dir=folder, device="cpu")


def compare(verdict: Verdict, recorded: dict[str, float | None]) -> None:
    parts = {name: value for name, value in recorded.items() if name != "score" and value is not None}
    assert dict(verdict.parts) == pytest.approx(parts, abs=1e-4)
    score = recorded["score"]
    assert verdict.score == pytest.approx(min(score, 1) if score is not None else 0, abs=1e-4)
    assert bool(verdict.failed_checks) == (score is None)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_model_for_words_has_the_score_of_the_subnets_engine(judge: NeuralValidator, prompt: str) -> None:
    compare(judge.validate(SPZ, prompt=prompt, kind=TaskKind.TEXT), RECORDED[f"words: {prompt}"])


@pytest.mark.parametrize("name", sorted(cases.pictures()))
def test_a_model_for_a_picture_has_the_score_of_the_subnets_engine(judge: NeuralValidator, name: str) -> None:
    verdict = judge.validate(SPZ, prompt=cases.pictures()[name], kind=TaskKind.IMAGE)
    compare(verdict, RECORDED[f"picture: {name}"])


def test_the_recorded_scores_tell_the_cases_apart() -> None:
    alignments = [case["alignment"] for case in RECORDED.values()]
    assert len({round(a, 3) for a in alignments if a is not None}) >= 6
