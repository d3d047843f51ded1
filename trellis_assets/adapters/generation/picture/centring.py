"""Find the object in a cut-out picture, and put it where TRELLIS's preprocessing expects it."""

import numpy as np
from numpy.typing import NDArray

from trellis_assets.ports import PromptRefusedError

# `TrellisImageTo3DPipeline.preprocess_image` counts a pixel as object above this alpha, and crops
# a square of 1.2 times the object's longer side around the middle of its box.
OBJECT_ALPHA = 0.8 * 255
PADDING = 1.2
# From first to last pixel; below it TRELLIS crops nothing at all.
_SHORTEST = 2
_OPAQUE = 255

Box = tuple[int, int, int, int]


def is_cut_out(picture: NDArray[np.uint8]) -> bool:
    """Return whether the picture's alpha says what the object is: not every pixel is opaque.

    Args:
        picture: (H, W, 4) RGBA.
    """
    return bool((picture[..., 3] != _OPAQUE).any())


def object_box(picture: NDArray[np.uint8]) -> Box | None:
    """Return the box of the pixels that TRELLIS takes for the object, or None without any.

    Args:
        picture: (H, W, 4) RGBA.

    Returns:
        left, top, right, bottom: first and last column and row, both inclusive. A picture whose
        only opaque pixels are columns 3 to 5 of rows 1 to 2 has the box (3, 1, 5, 2).
    """
    rows, columns = np.nonzero(picture[..., 3] > OBJECT_ALPHA)
    if len(rows) == 0:
        return None
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


def require_object(picture: NDArray[np.uint8]) -> None:
    """Raise unless TRELLIS's preprocessing finds an object in the picture.

    A fully transparent picture, or one of 50 % alpha everywhere, raises a ValueError deep in TRELLIS
    otherwise. An opaque picture passes: TRELLIS cuts the object out of it first.

    Args:
        picture: (H, W, 4) RGBA.

    Raises:
        PromptRefusedError: the picture is at fault, not the server.
    """
    if not is_cut_out(picture):
        return
    box = object_box(picture)
    if box is None:
        raise PromptRefusedError("the picture shows no object: no pixel is more than 80 % opaque")
    if max(box[2] - box[0], box[3] - box[1]) < _SHORTEST:
        raise PromptRefusedError("the object in the picture is smaller than 3 pixels")


def centred(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the object in the middle of a transparent square with 1.2 times its longer side.

    TRELLIS's own crop of the result is the result itself, to the pixel it rounds by.

    Args:
        picture: (H, W, 4) RGBA, cut out.

    Returns:
        (S, S, 4) RGBA; what is invisible is black, so that no colour shines through at the edges.

    Raises:
        PromptRefusedError: there is no object.
    """
    require_object(picture)
    box = object_box(picture)
    if box is None or not is_cut_out(picture):
        return picture
    left, top, right, bottom = box
    height, width = picture.shape[:2]
    half = int((max(right - left, bottom - top) + 1) * PADDING) // 2 + 1
    middle_x, middle_y = (left + right + 1) // 2, (top + bottom + 1) // 2
    square = np.zeros((2 * half, 2 * half, 4), np.uint8)
    # The part of the square that lies inside the picture; soft edges around the box come along.
    x0, x1 = max(0, middle_x - half), min(width, middle_x + half)
    y0, y1 = max(0, middle_y - half), min(height, middle_y + half)
    into = square[y0 - middle_y + half : y1 - middle_y + half, x0 - middle_x + half : x1 - middle_x + half]
    into[:] = picture[y0:y1, x0:x1]
    square[square[..., 3] == 0] = 0
    return square
