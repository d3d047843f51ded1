"""Pictures on the CPU, views side by side on its cores."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from trellis_assets.domain.splats.cameras import FAR, NEAR, Camera
from trellis_assets.domain.splats.scenes import Scene

Picture = TypeVar("Picture")
# How often the splats of a view may visit each of its pixels, and what each splat may need besides.
# docs/rendering.md says what models need.
VISITS_PER_PIXEL, WORK_PER_SPLAT = 1000, 200


class RenderCostError(ValueError):
    """A scene takes too long to draw on a CPU; it is sound all the same."""


# (H, W, 4): RGB weighted by opacity, without background, and the transmittance that is left.
Layer = NDArray[np.float32]


def render(
    scene: Scene,
    cameras: Sequence[Camera],
    finish: Callable[[Layer], Picture],
    *,
    threads: int | None = None,
    visits_per_pixel: int = VISITS_PER_PIXEL,
) -> list[Picture]:
    """Return the scene as each camera sees it; `finish` works on a view while the next is drawn.

    Args:
        scene: at degree 0 its colours are taken as they are; with harmonics they are cut at 0.
        cameras: where from.
        finish: makes of each layer what is kept.
        threads: views at a time; default: one per core. The pictures do not depend on it.
        visits_per_pixel: bound on the work of a view: how often its pixels may be visited on average.

    Raises:
        RenderCostError: a view takes more work than that; the rest is not drawn.
    """
    from trellis_assets.adapters.rendering import kernels

    records = kernels.pack(
        *(
            np.ascontiguousarray(array, np.float32)
            for array in (scene.positions, scene.scales, scene.rotations, scene.opacities, scene.sh)
        )
    )
    harmonics = np.ascontiguousarray(scene.sh, np.float32)

    too_much: list[int] = []

    def take(camera: Camera) -> Picture | None:
        if too_much:
            return None
        rotation, position = camera.rotation.astype(np.float32), camera.position.astype(np.float32)
        translation = (-camera.rotation @ camera.position).astype(np.float32)
        order = kernels.depth_order(records, rotation, translation, np.float32(NEAR), np.float32(FAR))
        x, y = camera.principal_point
        lens = (np.float32(camera.focal), np.float32(x), np.float32(y), camera.width, camera.height)
        most = visits_per_pixel * camera.width * camera.height + WORK_PER_SPLAT * len(scene)
        layer, work = kernels.splat(
            records, harmonics, order, rotation, translation, position, *lens, np.int64(most)
        )
        if work > most:
            too_much.append(most)
            return None
        return finish(layer)

    # Threads of our own, since the kernels leave the interpreter's lock: numba's own are not safe to
    # call from several threads at a time, as a server does.
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        pictures = list(pool.map(take, cameras))
    if too_much:
        raise RenderCostError(
            f"too costly to draw on a CPU: the splats of one view visit more than {too_much[0]:,} pixels, "
            "as many large transparent ones do"
        )
    return [picture for picture in pictures if picture is not None]


def warm_up() -> None:
    """Compile the kernels and cache them on disk, so that no task waits for the compiler."""
    from trellis_assets.domain.splats.cameras import preview_camera

    one = np.ones((1, 3), np.float32)
    scene = Scene(0 * one, 0.1 * one, np.array([[1, 0, 0, 0]], np.float32), one[:, 0], one[:, None])
    render(scene, [preview_camera(16)], np.shape)
