"""Cut the object out of a picture: by a white background, by rembg, or by a segmentation model."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from trellis_assets.adapters.generation.picture.centring import is_cut_out, object_box
from trellis_assets.adapters.generation.picture.libraries import load_error, required
from trellis_assets.adapters.generation.picture.segmentation import SegmentationCutter
from trellis_assets.adapters.weights.revisions import Revisions
from trellis_assets.domain.picture_route import Background, CutSettings

Picture = NDArray[np.uint8]
# Lighter than this in every channel is background (PROTOCOL 7).
WHITE = 240
# Of the picture's outermost pixels; below it the background is not white.
_LEAST_WHITE_BORDER = 0.5
REMBG_MODEL = "u2net"


class Cutter(Protocol):
    """Finds the object."""

    def alpha(self, picture: Picture) -> Picture:
        """Return (H, W): 255 where the object is, 0 where it is not."""
        ...

    def to(self, device: str) -> None:
        """Move the model to the device."""
        ...


class WhiteCutter:
    """Takes what is near white and reaches the border for background. White inside an object stays."""

    def alpha(self, picture: Picture) -> Picture:
        """Return the alpha; opaque everywhere where the border is not white."""
        from scipy import ndimage

        is_light = picture[..., :3].min(axis=-1) >= WHITE
        border = np.ones_like(is_light)
        border[1:-1, 1:-1] = False
        if is_light[border].mean() < _LEAST_WHITE_BORDER:
            return np.full(is_light.shape, 255, np.uint8)
        background = ndimage.binary_propagation(is_light & border, mask=is_light)
        # One pixel of the outline goes too: it is mixed with white, and TRELLIS looks at it on black.
        kept = ndimage.binary_erosion(~background, border_value=1)
        return np.where(kept, 255, 0).astype(np.uint8)

    def to(self, device: str) -> None:
        """Do nothing: there is no network."""


class RembgCutter:
    """rembg: ONNX networks, which it fetches itself; they run on the CPU, or where onnxruntime can."""

    def __init__(self, model: str) -> None:
        """Load the network.

        Raises:
            GenerationError: rembg, onnxruntime or the network cannot be had.
        """
        self._rembg = required("rembg")
        try:
            self._session = self._rembg.new_session(model)
        # rembg exits where onnxruntime is missing, and fetches networks with whatever it has.
        except (Exception, SystemExit) as error:
            raise load_error(f"the rembg model {model}", error) from error

    def alpha(self, picture: Picture) -> Picture:
        """Return the network's mask."""
        from PIL import Image

        image = Image.fromarray(picture[..., :3])
        mask = self._rembg.remove(image, session=self._session, only_mask=True)
        return np.asarray(mask.convert("L"), np.uint8)

    def to(self, device: str) -> None:
        """Do nothing: onnxruntime chooses the device."""


def cut_out(picture: Picture, cutter: Cutter) -> Picture:
    """Return the picture with the object's alpha; one that has a useful alpha already keeps it.

    Where the network finds nothing a white background is tried. Where there is none either the picture
    stays opaque, and TRELLIS cuts it with its own network.
    """
    if is_cut_out(picture):
        return picture
    for tried in (cutter, WhiteCutter()):
        cut = np.dstack([picture[..., :3], tried.alpha(picture)])
        if object_box(cut) is not None:
            return cut
    return picture


def load_cutter(settings: CutSettings, device: str, revisions: Revisions, dtype: Any = None) -> Cutter:
    """Return what cuts, on the device.

    Raises:
        GenerationError: packages or weights are missing.
    """
    match settings.method:
        case Background.WHITE:
            return WhiteCutter()
        case Background.REMBG:
            return RembgCutter(settings.model or REMBG_MODEL)
        case Background.SEGMENTATION:
            return SegmentationCutter.load(settings, device, dtype, revisions)
