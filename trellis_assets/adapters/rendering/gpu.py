"""Pictures on the GPU by gsplat, the rasteriser that validators use (extra `gpu`)."""

import importlib.util
from collections.abc import Callable, Sequence

import numpy as np

from trellis_assets.adapters.rendering.cpu import Layer, Picture
from trellis_assets.domain.cameras import FAR, NEAR, Camera
from trellis_assets.domain.scenes import Scene
from trellis_assets.domain.splats import SH_C0


def is_available() -> bool:
    """Whether gsplat is installed and has a GPU to run on. Costs seconds where it is installed."""
    if importlib.util.find_spec("gsplat") is None:
        return False
    import torch

    return torch.cuda.is_available()


def render(scene: Scene, cameras: Sequence[Camera], finish: Callable[[Layer], Picture]) -> list[Picture]:
    """As `cpu.render`, on the GPU; cameras must be of one size.

    Raises:
        torch.OutOfMemoryError: when the scene does not fit.
    """
    import torch
    from gsplat import rasterization

    if not cameras:
        return []
    if len(scene) == 0:
        nothing = np.zeros((cameras[0].height, cameras[0].width, 4), np.float32)
        nothing[..., 3] = 1
        return [finish(nothing) for _ in cameras]

    def on_gpu(array: object) -> torch.Tensor:
        return torch.as_tensor(np.asarray(array, np.float32), device="cuda")

    degree = int(np.sqrt(scene.sh.shape[1])) - 1
    # Without harmonics the colours are given as they are, unclipped, as validators do.
    colours = scene.sh if degree else 0.5 + SH_C0 * scene.sh[:, 0]
    with torch.no_grad():
        rgb, alpha, _ = rasterization(
            means=on_gpu(scene.positions),
            quats=on_gpu(scene.rotations),
            scales=on_gpu(scene.scales),
            opacities=on_gpu(scene.opacities),
            colors=on_gpu(colours),
            viewmats=on_gpu(np.stack([camera.view_matrix for camera in cameras])),
            Ks=on_gpu(np.stack([camera.intrinsics for camera in cameras])),
            width=cameras[0].width,
            height=cameras[0].height,
            near_plane=NEAR,
            far_plane=FAR,
            sh_degree=degree or None,
        )
        layers = torch.cat([rgb, 1 - alpha], dim=-1).cpu().numpy()
    return [finish(layer) for layer in layers]
