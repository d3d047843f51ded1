"""Cameras in, pictures out: the one way to see a model, on whichever device there is."""

import io
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

from trellis_assets.adapters.rendering import cpu, gpu
from trellis_assets.adapters.splat_io.spz import decode_spz
from trellis_assets.domain.splats.cameras import (
    PREVIEW_SIZE,
    VALIDATOR_SIZE,
    Camera,
    preview_camera,
    validator_cameras,
)
from trellis_assets.domain.splats.scenes import Scene, as_validators_see
from trellis_assets.domain.splats.splats import GaussianSplats, is_well_formed

ByteImages = NDArray[np.uint8]
# Of a picture in a run's metadata, which the database keeps.
THUMBNAIL_SIDE = 256


class RendererBackend(StrEnum):
    """Where pictures are made."""

    AUTO = "auto"
    CPU = "cpu"
    GPU = "gpu"


def render(
    scene: Scene, cameras: Sequence[Camera], *, backend: RendererBackend = RendererBackend.AUTO
) -> ByteImages:
    """Return (V, H, W, 3) uint8 pictures on white, clipped and truncated as validators do (PROTOCOL 6.3).

    Args:
        scene: what is there.
        cameras: at least one, all of one size.
        backend: `auto` takes the GPU where gsplat and a GPU are there.
    """
    return np.stack(_layers_of(scene, cameras, on_white, backend))


def _layers_of(
    scene: Scene,
    cameras: Sequence[Camera],
    finish: Callable[[cpu.Layer], cpu.Picture],
    backend: RendererBackend,
) -> list[cpu.Picture]:
    make = gpu.render if _on_gpu(backend) else cpu.render
    return make(scene, cameras, finish)


def on_white(layer: cpu.Layer) -> ByteImages:
    """Return (H, W, 3) of a layer, composited on white."""
    picture: ByteImages = (np.clip(layer[..., :3] + layer[..., 3:], 0, 1) * 255).astype(np.uint8)
    return picture


@cache
def _on_gpu(backend: RendererBackend) -> bool:
    return backend is RendererBackend.GPU or (backend is RendererBackend.AUTO and gpu.is_available())


def validator_views(splats: GaussianSplats, size: int = VALIDATOR_SIZE) -> ByteImages:
    """Return (16, size, size, 3): the views that validators score."""
    return render(as_validators_see(splats), validator_cameras(size))


def validator_layers(splats: GaussianSplats, size: int, *, every: int = 1) -> list[cpu.Layer]:
    """Return layers (size, size, 4) of every n-th view of the validators, with transparency."""
    cameras = validator_cameras(size)[::every]
    return _layers_of(as_validators_see(splats), cameras, np.asarray, RendererBackend.AUTO)


def preview(splats: GaussianSplats) -> ByteImages:
    """Return (512, 512, 3): one picture for people."""
    image: ByteImages = render(as_validators_see(splats), [preview_camera()])[0]
    return image


def webp_preview(spz: bytes, size: int = PREVIEW_SIZE) -> bytes:
    """Return the preview of an SPZ file as a WebP file of a few kilobytes.

    Raises:
        ValueError: not an SPZ file, or nothing in it that can be drawn.
    """
    from PIL import Image

    splats = decode_spz(spz)
    splats = splats.subset(is_well_formed(splats))
    if len(splats) == 0:
        raise ValueError("no splat of the model can be rendered")
    file = io.BytesIO()
    picture = render(as_validators_see(splats), [preview_camera(size)])[0]
    Image.fromarray(picture).save(file, "WEBP", quality=80)
    return file.getvalue()


def webp_row(pictures: Sequence[bytes], side: int = THUMBNAIL_SIDE) -> bytes:
    """Return the WebP files side by side on white, each within `side` pixels, as one small WebP file.

    Raises:
        ValueError: one of them cannot be read, or there is none.
    """
    from PIL import Image

    if not pictures:
        raise ValueError("there is no picture")
    row = Image.new("RGB", (side * len(pictures), side), "white")
    for place, data in enumerate(pictures):
        try:
            picture = Image.open(io.BytesIO(data), formats=("WEBP",)).convert("RGBA")
        except OSError as error:
            raise ValueError(f"a picture cannot be read: {error}") from error
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
        middle = (side * place + (side - picture.width) // 2, (side - picture.height) // 2)
        row.paste(picture, middle, picture)
    file = io.BytesIO()
    row.save(file, "WEBP", quality=80)
    return file.getvalue()


def png_bytes(image: ByteImages) -> bytes:
    """Return the picture (H, W, 3) as a PNG file."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", optimize=True)
    return file.getvalue()
