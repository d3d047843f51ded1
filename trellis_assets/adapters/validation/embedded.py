"""The embedded validator: the subnet's data checks, and a score measured on the splats themselves.

The score stands in for the subnet's neural one: it knows nothing of the prompt. It tells a solid
model from a cloud, and that is all it claims.
"""

import numpy as np
from numpy.typing import NDArray

from trellis_assets.adapters.splat_io.errors import SplatFormatError
from trellis_assets.adapters.splat_io.sniff import decode_splats
from trellis_assets.domain.checks import failed_data_checks
from trellis_assets.domain.splats import GaussianSplats
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.ports import Clock

GRID = 48
WEIGHTS = {"solidity": 0.4, "opacity": 0.3, "colour": 0.1, "size": 0.2}


class EmbeddedValidator:
    """`LocalValidator` that downloads nothing."""

    name = "embedded 1"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def validate(self, spz: bytes, *, prompt: str, kind: TaskKind) -> Verdict:  # noqa: ARG002
        """Score 0 with the reasons when the bytes do not decode or a data check fails."""
        started = self._clock.now()
        parts: dict[str, float] = {}
        score = 0.0
        try:
            splats = decode_splats(spz)
            failures = failed_data_checks(splats)
            parts = measure(splats)
            if not failures:
                score = sum(weight * parts[name] for name, weight in WEIGHTS.items())
        except SplatFormatError as error:
            failures = (str(error),)
        return Verdict(
            validator=self.name,
            score=score,
            started_at=started,
            duration_s=(self._clock.now() - started).total_seconds(),
            parts=parts,
            failed_checks=failures,
        )


def measure(splats: GaussianSplats) -> dict[str, float]:
    """The parts of the score, each 0..1.

    solidity: how much fuller the occupied cells of a 48^3 grid are than a cloud of as many random
    splats would leave them; opacity: mean opacity; colour: spread of colours, full at a standard
    deviation of 0.1; size: median splat against the model, full up to 2 % of the extent.
    """
    extent = splats.extent
    if extent <= 0:
        return dict.fromkeys(WEIGHTS, 0.0)
    filled = _occupied(splats.positions, extent) / min(len(splats), GRID**3)
    expected = (1 - np.exp(-len(splats) / GRID**3)) * GRID**3 / min(len(splats), GRID**3)
    size = float(np.median(splats.scales)) / extent
    return {
        "solidity": float(np.clip(1.6 * (1 - filled / expected), 0, 1)),
        "opacity": float(splats.opacities.mean()),
        "colour": float(np.clip(np.clip(splats.colours, 0, 1).std(axis=0).mean() / 0.1, 0, 1)),
        "size": float(np.clip(0.02 / max(size, 1e-9), 0, 1)),
    }


def _occupied(positions: NDArray[np.float32], extent: float) -> int:
    """Cells of a cubic grid over the bounding cube that hold a splat's centre."""
    cells = ((positions - positions.min(axis=0)) / extent * (GRID - 1)).astype(np.int64)
    return len(np.unique(cells @ np.array([GRID * GRID, GRID, 1])))
