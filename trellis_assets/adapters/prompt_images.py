"""Image prompts: the base64 text of an image file, sent by a stranger, as pixels."""

import base64
import binascii
import io
import warnings

import numpy as np
from numpy.typing import NDArray

# Pillow knows some forty formats, each of them a parser; these are the ones the subnet sends.
FORMATS = ("PNG", "JPEG", "WEBP")
# Bounds the memory of a decoded picture to 128 MB.
MAX_PIXELS = 32_000_000
# What a generator or a validator can make use of; larger ones are reduced.
MAX_SIDE = 1024


class PromptImageError(ValueError):
    """The prompt is no image that can be used; the text says why."""


def decode_prompt_image(prompt: str, *, max_side: int = MAX_SIDE) -> NDArray[np.uint8]:
    """The picture that an image prompt holds.

    Args:
        prompt: standard base64 of a PNG, JPEG or WebP file, without a data-URI prefix (PROTOCOL 1.1).
        max_side: pictures with a longer side are reduced to it, keeping their proportions.

    Returns:
        (H, W, 4) RGBA, upright as its EXIF orientation says.

    Raises:
        PromptImageError: not base64, not one of these formats, damaged, or more than `MAX_PIXELS`.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

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
            picture.draft("RGB", (max_side, max_side))
            upright = ImageOps.exif_transpose(picture).convert("RGBA")
    except PromptImageError:
        raise
    except Image.DecompressionBombError as error:
        raise PromptImageError(f"the image prompt has too many pixels: {error}") from error
    except UnidentifiedImageError as error:
        raise PromptImageError("the image prompt is no PNG, JPEG or WebP file") from error
    except Exception as error:  # Pillow's parsers raise anything on damaged files
        raise PromptImageError(f"the image prompt is damaged: {type(error).__name__}: {error}") from error
    upright.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    return np.asarray(upright, dtype=np.uint8)


def on_white(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3) RGB of an RGBA picture composited on white, as validators look at it (PROTOCOL 6.4)."""
    alpha = picture[..., 3:].astype(np.float32) / 255
    rgb = picture[..., :3].astype(np.float32) * alpha + 255 * (1 - alpha)
    return np.round(rgb).astype(np.uint8)
