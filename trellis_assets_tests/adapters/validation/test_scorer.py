"""What every judge of splats guarantees, whatever it scores by."""

import pytest

from trellis_assets.adapters.splat_io.spz import encode_spz
from trellis_assets.adapters.validation.embedded.validator import EmbeddedValidator
from trellis_assets.adapters.validation.scorer import SplatJudge
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import TooCostlyToJudgeError, ValidationUnavailableError
from trellis_assets.testing.fakes import FakeClock
from trellis_assets.testing.splats import a_ball, a_fog


class FixedJudge(SplatJudge):
    """Scores as told."""

    name = "fixed 1"
    given: tuple[float, dict[str, float]] = (0.7, {})

    def score(
        self, splats: GaussianSplats, prompt: str, kind: TaskKind, *, is_valid: bool
    ) -> tuple[float, dict[str, float]]:
        return self.given


@pytest.mark.parametrize("given", [(float("nan"), {}), (0.7, {"iqa": float("inf")})])
def test_a_score_that_is_no_number_is_no_verdict(given: tuple[float, dict[str, float]]) -> None:
    judge = FixedJudge(FakeClock())
    spz = encode_spz(a_ball())
    assert judge.validate(spz, prompt="a ball", kind=TaskKind.TEXT).score == 0.7
    judge.given = given
    with pytest.raises(ValidationUnavailableError, match="no number"):
        judge.validate(spz, prompt="a ball", kind=TaskKind.TEXT)


def test_model_that_takes_too_long_to_draw_is_reported_as_such_and_not_failed() -> None:
    with pytest.raises(TooCostlyToJudgeError, match="too costly to draw on a CPU"):
        EmbeddedValidator(FakeClock()).judge(a_fog(), prompt="fog", kind=TaskKind.TEXT)
