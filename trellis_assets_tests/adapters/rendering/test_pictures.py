"""Pictures as validators and people see them."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from trellis_assets.adapters.rendering.pictures import png_bytes, preview, validator_views
from trellis_assets.adapters.splat_io.sniff import decode_splats
from trellis_assets.testing.splats import a_ball


def test_there_are_sixteen_views_on_white_and_the_last_is_the_first_again() -> None:
    views = validator_views(a_ball(), 64)
    assert views.shape == (16, 64, 64, 3)
    assert views.dtype == np.uint8
    assert (views[:, 0, 0] == 255).all()
    np.testing.assert_array_equal(views[0], views[15])
    assert np.abs(views[0].astype(int) - views[8]).mean() > 5


def test_a_preview_is_a_png_of_512_pixels() -> None:
    with Image.open(io.BytesIO(png_bytes(preview(a_ball())))) as picture:
        assert (picture.format, picture.size) == ("PNG", (512, 512))


def test_the_real_robot_stands_upright_in_white_armour_with_a_dark_visor(samples: Path) -> None:
    splats = decode_splats((samples / "robocop.spz").read_bytes())
    assert len(splats) == 267_776
    picture = preview(splats).astype(int)
    inside = (picture < 250).any(axis=2)
    rows, columns = np.nonzero(inside)
    height, width = np.ptp(rows), np.ptp(columns)
    assert height > 1.5 * width
    # Arms make the upper half wider than the feet, and the helmet narrower than the shoulders.
    widths = [np.ptp(columns[rows == row]) for row in range(rows.min() + 2, rows.max() - 2)]
    tenth = len(widths) // 10
    assert max(widths[:tenth]) < max(widths[2 * tenth : 5 * tenth])
    # The visor is the red in the uppermost fifth.
    head = picture[rows.min() : rows.min() + height // 5]
    red = (head[..., 0] > 120) & (head[..., 1] < 60) & (head[..., 2] < 60)
    assert red.sum() > 20
