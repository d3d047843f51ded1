"""Splats as a renderer takes them: activated, and placed before the cameras."""

from dataclasses import dataclass

import numpy as np

from trellis_assets.domain.splats.splats import FloatArray, GaussianSplats, is_well_formed

# What the validators scale the largest side of a model to (PROTOCOL 6.3).
RENDERED_EXTENT = 1.5


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """N Gaussians in world units.

    Attributes:
        positions: (N, 3) float32.
        scales: (N, 3) float32, standard deviations along the local axes.
        rotations: (N, 4) float32, quaternions w, x, y, z of unit length.
        opacities: (N,) float32 in 0..1.
        sh: (N, 1 + K, 3) float32, spherical harmonics of the colour, the constant term first.
    """

    positions: FloatArray
    scales: FloatArray
    rotations: FloatArray
    opacities: FloatArray
    sh: FloatArray

    def __len__(self) -> int:
        return len(self.positions)


def scene_of(splats: GaussianSplats) -> Scene:
    """Return the splats in place with all their harmonics, without those that are not finite."""
    splats = splats.subset(is_well_formed(splats))
    return Scene(
        positions=splats.positions,
        scales=splats.scales,
        rotations=_unit(splats.rotations),
        opacities=splats.opacities,
        sh=np.concatenate([splats.sh_dc[:, None], np.nan_to_num(splats.sh_rest)], axis=1),
    )


def as_validators_see(splats: GaussianSplats) -> Scene:
    """Return the scene that validators render (PROTOCOL 6.3): scaled to an extent of 1.5, constant colour.

    They subtract one mean over all coordinates, and multiply the opacity of a small model by its
    extent over 1.5: both are theirs, and kept.
    """
    splats = splats.subset(is_well_formed(splats))
    extent = splats.extent
    factor = np.float32(RENDERED_EXTENT / extent if extent > 0 else 1.0)
    middle = splats.positions.mean(dtype=np.float64) if len(splats) else 0.0
    return Scene(
        positions=(splats.positions - np.float32(middle)) * factor,
        scales=splats.scales * factor,
        rotations=_unit(splats.rotations),
        opacities=np.clip(splats.opacities / factor, 0, 1),
        sh=splats.sh_dc[:, None],
    )


def _unit(rotations: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(rotations, axis=1, keepdims=True)
    return (rotations / np.where(lengths > 0, lengths, 1)).astype(np.float32)
