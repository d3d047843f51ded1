"""Making a model ready for how the validators render it (PROTOCOL 6.3).

Their renderer scales the model by `k = 1.5 / extent` and multiplies opacity by `1 / k`: a model
smaller than 1.5 units is dimmed. It recentres by one number, the mean over all coordinates of all
axes. A model whose extent is exactly 1.5 and whose coordinates have the mean 0 comes through both
unchanged.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trellis_assets.domain.splats.scenes import RENDERED_EXTENT
from trellis_assets.domain.splats.splats import FloatArray, GaussianSplats, is_well_formed

# SPZ keeps positions to this step; a shift on it moves no rounding.
POSITION_STEP = 1 / 4096
# At most this share of a model is taken for strays; where more stands apart, it is the model.
MAX_STRAY_SHARE = 0.005
# Strays lie beyond an empty shell this thick, in units of the bulk's radius. What is connected
# to the model, however thin (an antenna), leaves no such shell.
STRAY_GAP = 0.25
# Half of the height that the validators' camera sees well of an upright model, model units.
VISIBLE_HALF_HEIGHT = 0.95


@dataclass(frozen=True, slots=True)
class PreparationReport:
    """What preparing changed.

    Attributes:
        removed_malformed: splats with NaN, infinity (opacity's apart) or a rotation of no length.
        removed_strays: well-formed splats far away from all others.
        scale_factor: what positions and scales were multiplied by.
        shift: (x, y, z) added to the positions after scaling.
        dropped_sh_degree: degree of the spherical harmonics before they were cut to degree 0.
    """

    removed_malformed: int = 0
    removed_strays: int = 0
    scale_factor: float = 1.0
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    dropped_sh_degree: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class PreparedModel:
    """A model to encode and submit, with what was done to it."""

    splats: GaussianSplats
    report: PreparationReport

    @property
    def summary(self) -> str:
        """Return one line for people."""
        report = self.report
        shift = ", ".join(f"{value:+.4f}" for value in report.shift)
        return (
            f"{report.removed_malformed} malformed and {report.removed_strays} stray splats removed, "
            f"scaled by {report.scale_factor:.4f}, shifted by ({shift})"
        )


def unprepared(splats: GaussianSplats) -> PreparedModel:
    """Return the model as it is."""
    return PreparedModel(splats, PreparationReport())


def prepare_for_submission(splats: GaussianSplats) -> PreparedModel:
    """Return the model cleaned, scaled to extent 1.5, centred, and without view-dependent colour.

    Rotations come out as unit quaternions; f_rest is dropped because the validators ignore it and
    it is 45 of 64 bytes per splat. A model without a usable splat comes out empty. One whose
    centres all coincide is not scaled.
    """
    well_formed = splats.subset(is_well_formed(splats))
    kept = well_formed.subset(~is_stray(well_formed.positions))
    report = PreparationReport(
        removed_malformed=len(splats) - len(well_formed),
        removed_strays=len(well_formed) - len(kept),
        dropped_sh_degree=splats.sh_degree,
    )
    if len(kept) == 0:
        return PreparedModel(kept, report)
    positions = kept.positions.astype(np.float64)
    low, high = positions.min(axis=0), positions.max(axis=0)
    extent = float((high - low).max())
    factor = RENDERED_EXTENT / extent if extent > 0 else 1.0
    centred = (positions - (low + high) / 2) * factor
    offset = harmless_offset(centred)
    shift = offset - (low + high) / 2 * factor
    rotations = kept.rotations.astype(np.float64)
    prepared = GaussianSplats(
        positions=(centred + offset).astype(np.float32),
        log_scales=(kept.log_scales + np.log(factor)).astype(np.float32),
        rotations=(rotations / np.linalg.norm(rotations, axis=1, keepdims=True)).astype(np.float32),
        opacity_logits=kept.opacity_logits,
        sh_dc=kept.sh_dc,
        sh_rest=np.zeros((len(kept), 0, 3), np.float32),
    )
    x, y, z = (float(value) for value in shift)
    return PreparedModel(prepared, replace(report, scale_factor=factor, shift=(x, y, z)))


def is_stray(positions: FloatArray) -> NDArray[np.bool_]:
    """Return (N,) which splats are outliers: one of them would shrink the whole object in the rendering.

    Distances from the median centre are walked outwards, from the bulk's radius (that of all but
    `MAX_STRAY_SHARE`), to the first gap wider than `STRAY_GAP` radii; what lies beyond is stray.
    """
    count = len(positions)
    candidates = int(count * MAX_STRAY_SHARE)
    if candidates == 0:
        return np.zeros(count, np.bool_)
    centre = np.median(positions.astype(np.float64), axis=0)
    distances = np.linalg.norm(positions - centre, axis=1)
    outermost = np.sort(distances)[count - candidates - 1 :]
    gaps = np.flatnonzero(np.diff(outermost) > STRAY_GAP * outermost[0])
    if len(gaps) == 0:
        return np.zeros(count, np.bool_)
    stray: NDArray[np.bool_] = distances > outermost[gaps[0]]
    return stray


def harmless_offset(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (3,) centre of the bounding box at which validators' recentring moves nothing.

    The validators make the mean of all coordinates zero. No shift escapes that: the coordinates of
    the box's centre will sum to -3 times the mean of the centred model. The freedom is in how this
    is shared among the axes. Upwards or downwards it harms least (views from all around stay
    alike), as far as the model stays in the picture; x and z take the rest evenly.

    Args:
        centred: (N, 3) centres whose bounding box is centred on the origin.
    """
    total = -3.0 * float(centred.mean())
    room = max(0.0, VISIBLE_HALF_HEIGHT - float(centred[:, 1].max()))
    vertical = float(np.clip(total, -room, room))
    sideways = (total - vertical) / 2
    offset = np.array([sideways, vertical, sideways])
    snapped: NDArray[np.float64] = np.round(offset / POSITION_STEP) * POSITION_STEP
    return snapped
