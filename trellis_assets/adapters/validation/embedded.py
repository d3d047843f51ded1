"""A local validator that needs no weights and no GPU: it stands in for the subnet's neural score."""

import math
from collections.abc import Mapping

from trellis_assets.adapters.splat_io.errors import SplatFormatError
from trellis_assets.adapters.splat_io.frames import ZSTD_MAGIC
from trellis_assets.adapters.splat_io.spz import decode_spz
from trellis_assets.adapters.validation.measures import measure
from trellis_assets.domain.checks import failed_data_checks
from trellis_assets.domain.splats import is_well_formed
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.ports import Clock

# Exponents of the qualities in the score, which is their weighted geometric mean: one quality that
# is missing altogether cannot be made up for by the others.
WEIGHTS: Mapping[str, float] = {
    "solidity": 0.25,
    "opacity": 0.25,
    "coherence": 0.15,
    "closure": 0.15,
    "variety": 0.1,
    "coverage": 0.05,
    "compactness": 0.05,
}
# The prompt is not looked at, so that no model can be called perfect.
BEST_SCORE = 0.9


class EmbeddedValidator:
    """The subnet's data checks exactly (PROTOCOL 6.2), and a score of its own making.

    The score tells a well-made surface model from a cloud of splats, a transparent one or one with
    holes. It does not look at the prompt, and it is not the subnet's score.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @property
    def name(self) -> str:
        """Backend and version."""
        return "embedded 1"

    def validate(self, spz: bytes, *, prompt: str, kind: TaskKind) -> Verdict:  # noqa: ARG002
        """The verdict on `spz`; bytes that do not decode are a failed check, not an exception."""
        started_at = self._clock.now()
        parts, failed = _judge(spz)
        return Verdict(
            validator=self.name,
            score=0.0 if failed else score(parts),
            started_at=started_at,
            duration_s=(self._clock.now() - started_at).total_seconds(),
            parts=parts,
            failed_checks=failed,
        )


def score(parts: Mapping[str, float]) -> float:
    """The weighted geometric mean of the qualities, times `BEST_SCORE`."""
    return BEST_SCORE * float(math.prod(parts[name] ** weight for name, weight in WEIGHTS.items()))


def _judge(spz: bytes) -> tuple[dict[str, float], tuple[str, ...]]:
    """The qualities by name and the failed checks; no qualities where there is nothing to measure."""
    if not spz.startswith(ZSTD_MAGIC):
        return {}, ("the model is not in a zstd frame, the only one that validators open",)
    try:
        splats = decode_spz(spz)
    except SplatFormatError as error:
        return {}, (f"the model cannot be read: {error}",)
    failed = failed_data_checks(splats)
    usable = splats.subset(is_well_formed(splats))
    if len(usable) == 0:
        return {}, (*failed, "no splat of the model can be rendered")
    return measure(usable), failed
