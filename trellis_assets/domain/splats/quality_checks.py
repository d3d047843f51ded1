"""The data checks of the subnet's scoring service (PROTOCOL 6.2): a model that fails one scores 0."""

import numpy as np

from trellis_assets.domain.splats.splats import GaussianSplats

MIN_SPLATS = 7000
TRANSPARENT_OPACITY = 1e-3
MAX_TRANSPARENT_SHARE = 0.8
# A model with nearly all opacities below this is collapsed: a body of it cannot be seen.
_VISIBLE_QUANTILE, _LEAST_VISIBLE_OPACITY = 0.99, 0.02
# The service compares with torch.allclose, whose defaults these are.
_RTOL = 1e-5
_ATOL = 1e-8
_LOOKED_AT_FOR_PLACEHOLDERS = 3


def failed_data_checks(splats: GaussianSplats) -> tuple[str, ...]:
    """Return one sentence per check that the model fails; empty when it would be scored.

    The service has a sixth rule about scales. As written it averages one boolean and can not reject
    a model of 7000 splats or more, so that there is nothing to check here.
    """
    return tuple(
        sentence
        for sentence in (
            too_few(splats),
            _placeholder_positions(splats),
            _too_transparent(splats),
            _unrotated(splats),
        )
        if sentence is not None
    )


def too_few(splats: GaussianSplats) -> str | None:
    """Return what is wrong with a model of fewer than 7000 splats; preparing it adds none."""
    if len(splats) >= MIN_SPLATS:
        return None
    return f"the model has {len(splats)} splats, at least {MIN_SPLATS} are needed"


def collapsed(splats: GaussianSplats) -> str | None:
    """Return what is wrong with a model that shows nothing because its opacities are all near zero.

    Miners report such models in 14 % of TRELLIS generations at times: a mean logit of about -9.2 without
    spread, an opacity of 0.0001. No validator accepts one, whether or not a local validator looked at it.
    """
    if len(splats) == 0:
        return None
    if (problem := _too_transparent(splats)) is not None:
        return problem
    high = float(np.quantile(splats.opacities, _VISIBLE_QUANTILE))
    if high >= _LEAST_VISIBLE_OPACITY:
        return None
    return f"{_VISIBLE_QUANTILE:.0%} of the splats have an opacity below {high:.4f}: the model shows nothing"


def _placeholder_positions(splats: GaussianSplats) -> str | None:
    """Check the first three centres only, as the service does."""
    first = splats.positions[:_LOOKED_AT_FOR_PLACEHOLDERS]
    for index, position in enumerate(first):
        if np.allclose(position, 1.0, rtol=_RTOL, atol=_ATOL):
            return f"splat {index} sits at (1, 1, 1), which the service takes for broken data"
    return None


def _too_transparent(splats: GaussianSplats) -> str | None:
    if len(splats) == 0:
        return None
    share = float((splats.opacities < TRANSPARENT_OPACITY).mean())
    if share <= MAX_TRANSPARENT_SHARE:
        return None
    return (
        f"{share:.1%} of the splats have an opacity below {TRANSPARENT_OPACITY}, "
        f"at most {MAX_TRANSPARENT_SHARE:.0%} may"
    )


def _unrotated(splats: GaussianSplats) -> str | None:
    """Check for exact identity rotations, which a model read from SPZ cannot have (PROTOCOL 9-7)."""
    if len(splats) == 0:
        return None
    norms = np.linalg.norm(splats.rotations, axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = splats.rotations / norms
    if not np.allclose(unit, [1.0, 0.0, 0.0, 0.0], rtol=_RTOL, atol=_ATOL):
        return None
    return "no splat is rotated: all quaternions are the identity"
