"""The subnet's own score: with the published weights in place, what its validators would give."""

import gc
import math
import time
from functools import cached_property
from pathlib import Path
from typing import Any

from trellis_assets.adapters.gpu.card_lock import card_lock
from trellis_assets.adapters.prompt_images import decode_as_stored
from trellis_assets.adapters.rendering.pictures import validator_views
from trellis_assets.adapters.validation.neural import formula, readiness
from trellis_assets.adapters.validation.neural.networks import (
    PictureAlignment,
    Quality,
    Similarity,
    TextAlignment,
)
from trellis_assets.adapters.validation.neural.weights import Weights, check_ready
from trellis_assets.adapters.validation.scorer import NoScoreError, SplatJudge
from trellis_assets.adapters.weights.revisions import Revisions
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import Clock, ValidationUnavailableError

_PROBLEM_KEPT_S = 60.0


class NeuralValidator(SplatJudge):
    """The parts of PROTOCOL 6.4 over the sixteen views at 518 pixels.

    Each network is loaded at its first use and kept: several gigabytes, so that one process should
    judge for all (`trellis-assets validator-server`).
    """

    def __init__(
        self,
        clock: Clock,
        *,
        weights_dir: Path | None = None,
        device: str | None = None,
        revisions: Revisions | None = None,
    ) -> None:
        """Load nothing yet.

        Args:
            clock: dates the verdicts.
            weights_dir: folder as docs/validation.md lays it out; None downloads from the hubs.
            device: as torch names it; None takes a GPU where there is one.
            revisions: says which commit each repository is downloaded at.

        Raises:
            SettingsError: packages or files are missing; says which.
        """
        super().__init__(clock)
        check_ready(weights_dir)
        # None until tried, then the problem or nothing.
        self._tried: str | None = None
        self._tried_at = 0.0
        self._weights, self._wanted_device = Weights(weights_dir, revisions or Revisions(None)), device

    @property
    def name(self) -> str:
        """Return backend and version of the subnet's formula."""
        return "neural 2.4"

    def score(
        self, splats: GaussianSplats, prompt: str, kind: TaskKind, *, is_valid: bool
    ) -> tuple[float, dict[str, float]]:
        """Return the subnet's score, cut to 1; nothing is computed for models that fail a check.

        Raises:
            PromptImageError: the image prompt cannot be read.
            NoScoreError: the subnet's formula gives no number for these views.
            ValidationUnavailableError: weights cannot be loaded, or the memory is full.
        """
        import torch

        if not is_valid:
            return 0.0, {}
        picture = decode_as_stored(prompt) if kind is TaskKind.IMAGE else None
        views = validator_views(splats)
        try:
            with card_lock(self._device):
                wanted = self._tensor(picture[None]) if picture is not None else None
                parts = self._parts(self._tensor(views), prompt, wanted)
        except torch.cuda.OutOfMemoryError as error:
            self._unload()
            raise ValidationUnavailableError("the GPU's memory is full") from error
        except Exception as error:  # libraries and damaged files raise anything
            text = f"the networks cannot be used: {type(error).__name__}: {error}"
            raise ValidationUnavailableError(text) from error
        shown = {"iqa": parts.iqa, "alignment": parts.alignment, "ssim": parts.ssim, "lpips": parts.lpips}
        without = [name for name, value in shown.items() if math.isnan(value)]
        if without:
            text = (
                f"validators give this model 0: the views' {' and '.join(without)} is a geometric mean with "
                "a negative value in it, of which the subnet's formula makes no number"
            )
            raise NoScoreError(text, {name: shown[name] for name in shown if name not in without})
        return min(1.0, formula.combined(parts)), shown

    def problem(self) -> str | None:
        """Return why no model could be judged, found by loading everything and judging two tiny ones.

        What was found is kept, a problem for a minute. What this loads is unloaded again: who asks is
        not always who judges.
        """
        if self._tried is None or (self._tried and time.monotonic() - self._tried_at > _PROBLEM_KEPT_S):
            was_in_use = "_quality" in self.__dict__
            self._tried, self._tried_at = readiness.problem_of(self), time.monotonic()
            if not was_in_use:
                self._unload()
        return self._tried or None

    def _parts(self, views: Any, prompt: str, wanted: Any | None) -> formula.NeuralParts:
        alignment = (
            formula.alignment_of_text(self._text.cosines(views, prompt))
            if wanted is None
            else formula.alignment_of_picture(self._pictures.cosines(views, wanted))
        )
        return formula.NeuralParts(
            iqa=float(self._quality.scores(views).mean()),
            alignment=alignment,
            ssim=formula.ssim_of(self._similarity.ssim(views)),
            lpips=formula.lpips_of(self._similarity.lpips(views)),
        )

    @cached_property
    def _device(self) -> str:
        import torch

        return self._wanted_device or ("cuda" if torch.cuda.is_available() else "cpu")

    @cached_property
    def _text(self) -> TextAlignment:
        return TextAlignment(self._weights, self._device)

    @cached_property
    def _pictures(self) -> PictureAlignment:
        return PictureAlignment(self._weights, self._device)

    @cached_property
    def _quality(self) -> Quality:
        return Quality(self._weights, self._device)

    @cached_property
    def _similarity(self) -> Similarity:
        return Similarity(self._weights, self._device)

    def _tensor(self, pictures: Any) -> Any:
        """Return (V, H, W, 3) bytes as (V, 3, H, W) in 0..1 on the device."""
        import torch

        return torch.from_numpy(pictures).to(self._device).permute(0, 3, 1, 2).float() / 255

    def _unload(self) -> None:
        import torch

        for name in ("_text", "_pictures", "_quality", "_similarity"):
            self.__dict__.pop(name, None)
        gc.collect()
        torch.cuda.empty_cache()
