"""Centring: what TRELLIS's preprocessing finds in a picture, and what it cannot work with."""

import numpy as np
import pytest
from numpy.typing import NDArray

from trellis_assets.adapters.generation.picture.centring import centred, object_box, require_object
from trellis_assets.ports import PromptRefusedError


def picture(alpha: int = 0, side: int = 40) -> NDArray[np.uint8]:
    made = np.full((side, side, 4), 200, np.uint8)
    made[..., 3] = alpha
    return made


def with_object(rows: slice, columns: slice) -> NDArray[np.uint8]:
    made = picture()
    made[rows, columns] = (10, 20, 30, 255)
    return made


@pytest.mark.parametrize("alpha", [0, 127, 204])
def test_picture_without_opaque_pixels_is_a_fault_of_the_prompt(alpha: int) -> None:
    with pytest.raises(PromptRefusedError, match="no object"):
        require_object(picture(alpha))


def test_object_of_two_pixels_is_a_fault_of_the_prompt() -> None:
    with pytest.raises(PromptRefusedError, match="smaller than 3 pixels"):
        require_object(with_object(slice(5, 7), slice(5, 7)))


def test_opaque_picture_is_left_to_the_cut() -> None:
    require_object(picture(255))
    assert (centred(picture(255)) == picture(255)).all()


def test_smallest_object_that_trellis_accepts_is_accepted() -> None:
    require_object(with_object(slice(5, 8), slice(5, 6)))


@pytest.mark.parametrize(
    ("rows", "columns"),
    [(slice(2, 12), slice(20, 40)), (slice(0, 40), slice(0, 3)), (slice(7, 10), slice(7, 10))],
)
def test_object_is_in_the_middle_with_a_fifth_around_it(rows: slice, columns: slice) -> None:
    square = centred(with_object(rows, columns))
    left, top, right, bottom = object_box(square) or (0, 0, 0, 0)
    side = square.shape[0]
    longer = max(right - left, bottom - top) + 1
    assert square.shape == (side, side, 4)
    assert longer * 1.2 <= side <= longer * 1.2 + 3
    assert (right - left, bottom - top) == (columns.stop - columns.start - 1, rows.stop - rows.start - 1)
    assert abs((left + right + 1) / 2 - side / 2) <= 0.5
    assert abs((top + bottom + 1) / 2 - side / 2) <= 0.5


def test_invisible_pixels_lose_their_colours() -> None:
    square = centred(with_object(slice(10, 20), slice(10, 20)))
    assert not square[square[..., 3] == 0].any()
