"""The embedded validator: the subnet's checks, and a score that tells a model from a mess."""

import base64
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trellis_assets.adapters.splat_io.spz import decode_spz, encode_gzip_spz, encode_spz
from trellis_assets.adapters.validation.calibration import RAW, Calibration
from trellis_assets.adapters.validation.embedded.validator import WEIGHTS, EmbeddedValidator
from trellis_assets.domain.splats.preparation import prepare_for_submission
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.testing.fakes import NOW, FakeClock
from trellis_assets.testing.splats import a_ball, a_cloud


def judge(spz: bytes) -> Verdict:
    return EmbeddedValidator(FakeClock()).validate(spz, prompt="a ball", kind=TaskKind.TEXT)


def score(splats: GaussianSplats) -> float:
    return judge(encode_spz(splats)).score


def ball() -> GaussianSplats:
    return prepare_for_submission(a_ball(20_000)).splats


def test_a_sound_model_scores_above_the_threshold_with_all_parts_named() -> None:
    verdict = judge(encode_spz(ball()))
    assert 0.7 < verdict.score <= 0.9
    assert set(verdict.parts) == {*WEIGHTS, RAW}
    assert all(0 <= value <= 1 for value in verdict.parts.values())
    assert verdict.is_valid
    assert verdict.started_at == NOW


@pytest.mark.parametrize("count", [8000, 30_000])  # 100,000 are too costly to draw here
def test_a_cloud_of_random_splats_scores_below_the_threshold(count: int) -> None:
    assert score(a_cloud(count)) < 0.3


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: replace(s, opacity_logits=np.full(len(s), -2, np.float32)),
        lambda s: replace(s, log_scales=s.log_scales - 4),
        lambda s: replace(s, sh_dc=np.random.default_rng(0).normal(size=(len(s), 3)).astype(np.float32)),
        lambda s: replace(
            s, positions=(s.positions + np.random.default_rng(0).normal(0, 0.2, (len(s), 3))).astype("f4")
        ),
    ],
    ids=["nearly transparent", "full of holes", "random colours", "fuzzy"],
)
def test_what_is_badly_made_scores_below_the_threshold(
    spoil: Callable[[GaussianSplats], GaussianSplats],
) -> None:
    assert score(spoil(ball())) < 0.6 < score(ball())


def test_a_small_model_is_marked_down_as_the_renderer_dims_it() -> None:
    assert (
        judge(encode_spz(a_ball(20_000))).parts["opacity"] < judge(encode_spz(ball())).parts["opacity"] - 0.2
    )


def test_stray_splats_lower_the_score() -> None:
    strayed = ball()
    strayed.positions[:100, 0] += 4
    assert judge(encode_spz(strayed)).parts["compactness"] < judge(encode_spz(ball())).parts["compactness"]
    assert score(strayed) < score(ball())


def test_failed_data_check_scores_0_and_is_named() -> None:
    verdict = judge(encode_spz(a_ball(6999)))
    assert verdict.score == 0
    assert not verdict.is_valid
    assert "6999" in verdict.failed_checks[0]


@pytest.mark.parametrize("spz", [b"", b"rubbish", encode_spz(a_ball(9))[:-5], encode_gzip_spz(a_ball(8000))])
def test_bytes_that_a_validator_could_not_read_are_a_failed_check(spz: bytes) -> None:
    verdict = judge(spz)
    assert verdict.score == 0
    assert len(verdict.failed_checks) == 1


def test_a_model_of_one_point_is_judged_without_a_crash() -> None:
    same = replace(a_ball(8000), positions=np.zeros((8000, 3), np.float32))
    assert score(same) < 0.6


def a_picture(colour: tuple[int, int, int]) -> str:
    picture = Image.new("RGB", (64, 64), "white")
    picture.paste(colour, (16, 16, 48, 48))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode("ascii")


def test_a_model_in_the_picture_s_colours_scores_more_than_one_in_others() -> None:
    red = replace(ball(), sh_dc=np.tile(np.float32([1.2, -1.6, -1.6]), (20_000, 1)))
    validator, spz = EmbeddedValidator(FakeClock()), encode_spz(red)
    likes, unlikes = (
        validator.validate(spz, prompt=a_picture(colour), kind=TaskKind.IMAGE)
        for colour in [(214, 12, 12), (10, 40, 220)]
    )
    assert likes.parts["likeness"] > 0.9
    assert unlikes.parts["likeness"] < 0.1
    assert likes.score > unlikes.score


def test_invalid_image_prompt_is_a_failed_check() -> None:
    verdict = EmbeddedValidator(FakeClock()).validate(
        encode_spz(ball()), prompt="a ball", kind=TaskKind.IMAGE
    )
    assert verdict.score == 0
    assert "not base64" in verdict.failed_checks[0]


def test_a_calibration_changes_the_score_and_keeps_the_raw_one() -> None:
    raw = judge(encode_spz(ball()))
    calibrated = EmbeddedValidator(FakeClock(), Calibration(shift=-1.0, answers=40)).validate(
        encode_spz(ball()), prompt="a ball", kind=TaskKind.TEXT
    )
    assert calibrated.score < raw.score == calibrated.parts[RAW]
    assert calibrated.validator != raw.validator


def test_the_verdict_is_the_same_every_time() -> None:
    assert judge(encode_spz(ball())) == judge(encode_spz(ball()))


def test_a_real_model_scores_above_the_threshold(samples: Path) -> None:
    splats = decode_spz((samples / "robocop.spz").read_bytes())
    assert score(prepare_for_submission(splats).splats) > score(splats) > 0.6
