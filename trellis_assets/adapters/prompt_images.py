"""Image prompts: the base64 text of an image file, sent by a stranger, as pixels."""

import base64
import binascii
import io
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

# Pillow knows some forty formats, each of them a parser; these are the ones the subnet sends.
FORMATS = ("PNG", "JPEG", "WEBP")
# Bounds the memory of a decoded picture to 128 MB.
MAX_PIXELS = 32_000_000
# What a generator or a validator can make use of; larger ones are reduced.
MAX_SIDE = 1024
# Channels of RGBA and CMYK, which the subnet's service composites.
_WITH_ALPHA = 4


class PromptImageError(ValueError):
    """The prompt is no image that can be used; the text says why."""


def decode_prompt_image(prompt: str, *, max_side: int = MAX_SIDE) -> NDArray[np.uint8]:
    """Return the picture that an image prompt holds, as the person who took it meant it.

    Args:
        prompt: standard base64 of a PNG, JPEG or WebP file, without a data-URI prefix (PROTOCOL 1.1).
        max_side: pictures with a longer side are reduced to it, keeping their proportions.

    Returns:
        (H, W, 4) RGBA, upright as its EXIF orientation says.

    Raises:
        PromptImageError: not base64, not one of these formats, damaged, or more than `MAX_PIXELS`.
    """
    from PIL import Image, ImageOps

    def upright(picture: "Image.Image") -> "Image.Image":
        picture.draft("RGB", (max_side, max_side))
        turned = ImageOps.exif_transpose(picture).convert("RGBA")
        turned.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
        return turned

    return _decoded(prompt, upright)


def decode_as_stored(prompt: str) -> NDArray[np.uint8]:
    """Return the picture that validators compare with: (H, W, 3) RGB, unturned and unreduced.

    The subnet's service composites a picture of four channels on white and takes the colours of
    every other one as they are: the transparency of grey and palette pictures is dropped, and the
    EXIF orientation is not looked at. Of an animation the first frame counts.

    Args:
        prompt: as for `decode_prompt_image`.

    Raises:
        PromptImageError: as `decode_prompt_image`.
    """
    from PIL import Image

    def as_stored(picture: "Image.Image") -> "Image.Image":
        if len(picture.getbands()) == _WITH_ALPHA:
            white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
            picture = Image.alpha_composite(white, picture.convert("RGBA"))
        return picture.convert("RGB")

    return _decoded(prompt, as_stored)


def _decoded(prompt: str, taken: Callable[["Image.Image"], "Image.Image"]) -> NDArray[np.uint8]:
    from PIL import Image, UnidentifiedImageError

    try:
        data = base64.b64decode(prompt, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PromptImageError(f"the image prompt is not base64: {error}") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged metadata, which does no harm
            picture = Image.open(io.BytesIO(data), formats=FORMATS)
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise PromptImageError(f"the image prompt has {width} x {height} pixels: too many")  # noqa: TRY301
            return np.array(taken(picture), dtype=np.uint8)
    except PromptImageError:
        raise
    except Image.DecompressionBombError as error:
        raise PromptImageError(f"the image prompt has too many pixels: {error}") from error
    except UnidentifiedImageError as error:
        raise PromptImageError("the image prompt is no PNG, JPEG or WebP file") from error
    except Exception as error:  # Pillow's parsers raise anything on damaged files
        raise PromptImageError(f"the image prompt is damaged: {type(error).__name__}: {error}") from error


def on_white(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the (H, W, 3) RGB of an RGBA picture composited on white."""
    alpha = picture[..., 3:].astype(np.float32) / 255
    rgb = picture[..., :3].astype(np.float32) * alpha + 255 * (1 - alpha)
    return np.round(rgb).astype(np.uint8)
