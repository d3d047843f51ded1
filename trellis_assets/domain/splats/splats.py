"""The 3D Gaussian splat: the product of the pipeline, as arrays in the space that PLY stores."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

# Number of spherical-harmonics coefficients beyond the constant one, by SH degree.
SH_REST_BY_DEGREE = {0: 0, 1: 3, 2: 8, 3: 15}
# The constant basis function Y_0^0 of real spherical harmonics: rgb = 0.5 + SH_C0 * sh_dc.
SH_C0 = 0.28209479177387814


class SplatsShapeError(ValueError):
    """Arrays of a splat do not belong together."""


@dataclass(frozen=True, slots=True, eq=False)
class GaussianSplats:
    """N anisotropic 3D Gaussians in the *stored* space of 3DGS PLY files (not activated).

    Object space is right-handed with +Y up; the object faces +Z. Units are those of the model
    (TRELLIS fills about a unit cube).

    Attributes:
        positions: (N, 3) float32, centres.
        log_scales: (N, 3) float32, natural log of the standard deviations along the local axes; -inf
            (no thickness: a flat splat) is legal, and drawn.
        rotations: (N, 4) float32, quaternions w, x, y, z; need not be of unit length.
        opacity_logits: (N,) float32, opacity = sigmoid(logit). +-inf is legal: SPZ stores opacity
            as a byte, and 255 decodes to +inf.
        sh_dc: (N, 3) float32, constant SH coefficient per colour channel.
        sh_rest: (N, K, 3) float32, further SH coefficients, K in 0, 3, 8, 15.
    """

    positions: FloatArray
    log_scales: FloatArray
    rotations: FloatArray
    opacity_logits: FloatArray
    sh_dc: FloatArray
    sh_rest: FloatArray

    def __post_init__(self) -> None:
        count = len(self.positions)
        expected = {
            "positions": (count, 3),
            "log_scales": (count, 3),
            "rotations": (count, 4),
            "opacity_logits": (count,),
            "sh_dc": (count, 3),
        }
        for name, shape in expected.items():
            found = getattr(self, name).shape
            if found != shape:
                raise SplatsShapeError(f"{name} has shape {found}, expected {shape}")
        rest = self.sh_rest.shape
        if len(rest) != 3 or rest[0] != count or rest[2] != 3 or rest[1] not in (0, 3, 8, 15):  # noqa: PLR2004
            raise SplatsShapeError(f"sh_rest has shape {rest}, expected ({count}, 0|3|8|15, 3)")

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def sh_degree(self) -> int:
        """Return the degree of the spherical harmonics, 0 to 3."""
        return {count: degree for degree, count in SH_REST_BY_DEGREE.items()}[self.sh_rest.shape[1]]

    @property
    def scales(self) -> FloatArray:
        """Return (N, 3) standard deviations in model units."""
        return np.exp(self.log_scales)

    @property
    def opacities(self) -> FloatArray:
        """Return (N,) opacities in 0..1; safe for infinite logits."""
        with np.errstate(over="ignore"):
            return (1.0 / (1.0 + np.exp(-self.opacity_logits))).astype(np.float32)

    @property
    def colours(self) -> FloatArray:
        """Return (N, 3) RGB of the constant term, not clipped (the validators clip after rendering)."""
        return (0.5 + SH_C0 * self.sh_dc).astype(np.float32)

    @property
    def extent(self) -> float:
        """Return the largest side of the centres' axis-aligned bounding box, in model units; 0 if empty."""
        if len(self) == 0:
            return 0.0
        return float((self.positions.max(axis=0) - self.positions.min(axis=0)).max())

    def subset(self, keep: NDArray[np.bool_]) -> "GaussianSplats":
        """Return the splats where `keep` (N,) is true, in order."""
        if keep.all():
            return self
        return GaussianSplats(
            positions=self.positions[keep],
            log_scales=self.log_scales[keep],
            rotations=self.rotations[keep],
            opacity_logits=self.opacity_logits[keep],
            sh_dc=self.sh_dc[keep],
            sh_rest=self.sh_rest[keep],
        )


def is_well_formed(splats: GaussianSplats) -> NDArray[np.bool_]:
    """Return (N,) whether every number of a splat can be rendered.

    Infinite opacity logits can (SPZ decodes to them), and log scales of -inf (flat splats) too.
    """
    norms = np.linalg.norm(splats.rotations.astype(np.float64), axis=1)
    finite = np.isfinite(splats.positions).all(axis=1) & np.isfinite(splats.sh_dc).all(axis=1)
    sized = (splats.log_scales < np.inf).all(axis=1)  # False for NaN too
    usable = np.isfinite(norms) & (norms > 0) & ~np.isnan(splats.opacity_logits)
    well_formed: NDArray[np.bool_] = finite & sized & usable
    return well_formed
