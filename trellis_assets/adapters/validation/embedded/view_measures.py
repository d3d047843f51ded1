"""What can be told of a model's quality from the pictures that validators look at, without learning."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trellis_assets.adapters.rendering.pictures import on_white
from trellis_assets.adapters.validation.embedded.splat_measures import falling, rising
from trellis_assets.domain.splats.splats import FloatArray

Image = NDArray[np.uint8]

# Where each quality is full, and where it is nothing: settled as those of the splats are.
_CONSISTENT, _UNRELATED = 0.75, 0.5
_SHARP, _BLURRED = 0.45, 0.75
_DETAILED, _PLAIN = 5.0, 2.0
# A body of one colour is plain, and a body all the same.
_LEAST_DETAIL = 0.1
_GOOD_COVERAGE = 0.1
# A picture that the model fills to the edges is a cloud around the camera's target, not an object.
_FULL_PICTURE, _CROWDED = 0.98, 0.85
_CLOSED, _SIEVE = 0.9, 0.3
# Half as wide are the gaps that count as holes rather than as shape.
_GAP_PIXELS = 4
# Pixels with less opacity are the soft edge of a silhouette.
_SILHOUETTE = 0.1
_LUMINANCE = np.array([0.299, 0.587, 0.114])
_BINS = 6


def measure_views(layers: Sequence[FloatArray], close_ups: Sequence[FloatArray]) -> dict[str, float]:
    """Return each quality by name, 0 (bad) to 1 (good).

    - consistency: structural similarity of neighbouring views (Wang et al. 2004), the last to the first;
    - sharpness: against perceptual blur (Crete et al. 2007);
    - detail: entropy of the brightness within the silhouette;
    - coverage: share of the picture that the silhouette fills, neither next to nothing nor all;
    - closure: how opaque the silhouette is in larger pictures, where gaps between splats show.

    Args:
        layers: views (H, W, 4) around the model, as the renderer gives them; the last may repeat the first.
        close_ups: some of these views, larger.
    """
    pictures = [on_white(layer) for layer in layers]
    covered = [1 - layer[..., 3] > _SILHOUETTE for layer in layers]
    if not any(mask.any() for mask in covered):
        return dict.fromkeys(("consistency", "sharpness", "detail", "coverage", "closure"), 0.0)
    coverage = float(np.mean(covered))
    full = falling(coverage, _CROWDED, _FULL_PICTURE)
    return {
        "consistency": rising(consistency(pictures), _CONSISTENT, _UNRELATED),
        "sharpness": falling(_blur(pictures), _SHARP, _BLURRED),
        "detail": max(_LEAST_DETAIL, rising(_entropy(pictures, covered), _DETAILED, _PLAIN)),
        "coverage": rising(coverage, _GOOD_COVERAGE) * full,
        "closure": rising(_opaqueness(close_ups), _CLOSED, _SIEVE),
    }


def consistency(pictures: Sequence[Image]) -> float:
    """Return the geometric mean of the SSIM of neighbouring views, each pair once (PROTOCOL 6.4).

    Where the last view repeats the first, their pair says nothing and is left out, as the subnet's
    filter of outliers does.
    """
    from skimage.metrics import structural_similarity

    ring = list(pictures)
    if len(ring) > 1 and np.array_equal(ring[0], ring[-1]):
        ring.pop()
    values = [
        structural_similarity(
            one, other, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        for one, other in zip(ring, [*ring[1:], ring[0]], strict=True)
    ]
    return float(np.exp(np.mean(np.log(np.maximum(values, 1e-6)))))


def likeness(pictures: Sequence[Image], wanted: NDArray[np.uint8]) -> float:
    """Return how well the colours of the best view match those of an image prompt, 0 to 1.

    The intersection of colour histograms (Swain and Ballard 1991) within the silhouettes: it knows
    nothing of shape.

    Args:
        pictures: views (H, W, 3) on white.
        wanted: (H, W, 4) RGBA; an opaque picture's silhouette is what is not white.
    """
    alpha = wanted[..., 3] > np.iinfo(np.uint8).max * _SILHOUETTE
    target = _histogram(wanted[..., :3], alpha if not alpha.all() else None)
    return max(float(np.minimum(_histogram(picture), target).sum()) for picture in pictures)


def _opaqueness(layers: Sequence[FloatArray]) -> float:
    """Return the mean opacity within the silhouettes, gaps in them counted."""
    from scipy.ndimage import binary_closing

    values = []
    for layer in layers:
        alpha = 1 - layer[..., 3]
        silhouette = binary_closing(alpha > _SILHOUETTE, iterations=_GAP_PIXELS)
        if silhouette.any():
            values.append(float(alpha[silhouette].mean()))
    return float(np.mean(values)) if values else 0.0


def _histogram(picture: Image, mask: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """Return (6, 6, 6) shares of the colours in the silhouette, blurred so that similar shades count too."""
    from scipy.ndimage import gaussian_filter

    if mask is None:
        mask = np.asarray((picture < 250).any(axis=2))  # noqa: PLR2004 - white but for noise
    cells = picture[mask].astype(np.int64) * _BINS // 256
    counts = np.bincount(cells @ np.array([_BINS**2, _BINS, 1]), minlength=_BINS**3).astype(np.float64)
    shares: NDArray[np.float64] = gaussian_filter(
        counts.reshape(_BINS, _BINS, _BINS) / max(1.0, counts.sum()), sigma=0.7
    )
    return shares


def _blur(pictures: Sequence[Image]) -> float:
    from skimage.measure import blur_effect

    return float(np.mean([blur_effect(picture @ _LUMINANCE) for picture in pictures[::4]]))


def _entropy(pictures: Sequence[Image], covered: Sequence[NDArray[np.bool_]]) -> float:
    """Return the mean entropy, in bits, of the 8-bit brightness in the silhouettes."""
    from skimage.measure import shannon_entropy

    inside = [
        picture[mask] @ _LUMINANCE for picture, mask in zip(pictures, covered, strict=True) if mask.any()
    ]
    return float(np.mean([shannon_entropy(values.astype(np.uint8)) for values in inside]))
