"""Pictures on the GPU by gsplat, the rasteriser that validators use (extra `gpu`)."""

import importlib
import importlib.util
import logging
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from trellis_assets.adapters.gpu.card_lock import card_lock
from trellis_assets.adapters.rendering.cpu import Layer, Picture
from trellis_assets.domain.splats.cameras import FAR, NEAR, Camera
from trellis_assets.domain.splats.scenes import Scene
from trellis_assets.domain.splats.splats import SH_C0

_log = logging.getLogger(__name__)


@cache
def why_unavailable() -> str | None:
    """Return why gsplat cannot draw here, or None if it can; costs seconds where it is installed.

    gsplat imports without its compiled part and disables itself then: that counts as not there.
    """
    if importlib.util.find_spec("gsplat") is None:
        return "gsplat is not installed"
    import torch

    if not torch.cuda.is_available():
        return "there is no GPU that torch can use"
    try:
        compiled = importlib.import_module("gsplat.cuda._backend")._C  # noqa: SLF001 - nothing else tells
    except Exception as error:  # noqa: BLE001 - its build runs at the first import and fails in any way
        reason = f"gsplat cannot be used ({type(error).__name__}: {error})"
    else:
        if compiled is not None:
            return None
        reason = "gsplat has no compiled part (it needs CUDA's nvcc, or a wheel that was built)"
    _log.warning("%s: models are drawn on the CPU", reason)
    return reason


def is_available() -> bool:
    """Return whether gsplat can draw here."""
    return why_unavailable() is None


def render(scene: Scene, cameras: Sequence[Camera], finish: Callable[[Layer], Picture]) -> list[Picture]:
    """Return what `cpu.render` returns, drawn on the GPU; cameras must be of one size.

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

    device = f"cuda:{torch.cuda.current_device()}"
    degree = int(np.sqrt(scene.sh.shape[1])) - 1
    # Without harmonics the colours are given as they are, unclipped, as validators do.
    colours = scene.sh if degree else 0.5 + SH_C0 * scene.sh[:, 0]
    with card_lock(device), torch.no_grad():
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
