"""What every local judge of splats does before and after it scores them."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping

from trellis_assets.adapters.prompt_images import PromptImageError
from trellis_assets.adapters.rendering.cpu import RenderCostError
from trellis_assets.adapters.splat_io.errors import SplatFormatError
from trellis_assets.adapters.splat_io.frames import ZSTD_MAGIC
from trellis_assets.adapters.splat_io.spz import decode_spz
from trellis_assets.domain.splats.quality_checks import failed_data_checks
from trellis_assets.domain.splats.splats import GaussianSplats, is_well_formed
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.ports import Clock, TooCostlyToJudgeError, ValidationUnavailableError


class NoScoreError(ValueError):
    """Validators would give 0 to a model that passes the data checks; the text says why.

    Attributes:
        parts: what could be measured, by name.
    """

    def __init__(self, text: str, parts: Mapping[str, float]) -> None:
        super().__init__(text)
        self.parts = dict(parts)


class SplatJudge(ABC):
    """The subnet's data checks exactly (PROTOCOL 6.2), and a score by its subclass."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @property
    @abstractmethod
    def name(self) -> str:
        """Return backend and version."""

    @abstractmethod
    def score(
        self, splats: GaussianSplats, prompt: str, kind: TaskKind, *, is_valid: bool
    ) -> tuple[float, dict[str, float]]:
        """Return the score, 0 to 1, of well-formed splats, and its parts by name.

        Raises:
            PromptImageError: the image prompt cannot be read.
            NoScoreError: validators would give 0.
            ValidationUnavailableError: no score can be given now.
        """

    def validate(self, spz: bytes, *, prompt: str, kind: TaskKind) -> Verdict:
        """Return the verdict on the bytes that would be submitted; a failed check where they do not decode.

        Raises:
            ValidationUnavailableError: no score can be given now.
        """
        if not spz.startswith(ZSTD_MAGIC):
            return self._failed("the model is not in a zstd frame, the only one that validators open")
        try:
            splats = decode_spz(spz)
        except SplatFormatError as error:
            return self._failed(f"the model cannot be read: {error}")
        return self.judge(splats, prompt=prompt, kind=kind)

    def judge(self, splats: GaussianSplats, *, prompt: str, kind: TaskKind) -> Verdict:
        """Return the verdict on decoded splats.

        Raises:
            TooCostlyToJudgeError: a validator's GPU would draw them, and this CPU would take too long.
            ValidationUnavailableError: no score can be given now.
        """
        started_at = self._clock.now()
        failed = failed_data_checks(splats)
        usable = splats.subset(is_well_formed(splats))
        score, parts = 0.0, dict[str, float]()
        if len(usable) == 0:
            failed = (*failed, "no splat of the model can be rendered")
        else:
            try:
                score, parts = self.score(usable, prompt, kind, is_valid=not failed)
            except PromptImageError as error:
                failed = (*failed, str(error))
            except NoScoreError as error:
                failed, parts = (*failed, str(error)), error.parts
            except RenderCostError as error:
                raise TooCostlyToJudgeError(str(error)) from error
        if not all(map(math.isfinite, (score, *parts.values()))):
            raise ValidationUnavailableError(f"{self.name} gave no number as score: {score} of {parts}")
        return Verdict(
            validator=self.name,
            score=0.0 if failed else score,
            started_at=started_at,
            duration_s=(self._clock.now() - started_at).total_seconds(),
            parts=parts,
            failed_checks=failed,
        )

    def problem(self) -> str | None:
        """Return why no model could be judged now; None if one could, as for judges that need nothing."""
        return None

    def _failed(self, reason: str) -> Verdict:
        now = self._clock.now()
        return Verdict(self.name, 0.0, now, 0.0, failed_checks=(reason,))
