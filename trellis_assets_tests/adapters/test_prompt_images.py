"""Image prompts, good and hostile."""

import base64
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from trellis_assets.adapters.prompt_images import (
    PromptImageError,
    decode_as_stored,
    decode_prompt_image,
    on_white,
)


def as_prompt(picture: Image.Image, file_format: str = "PNG", **options: object) -> str:
    file = io.BytesIO()
    picture.save(file, file_format, **options)
    return base64.b64encode(file.getvalue()).decode("ascii")


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
def test_each_format_of_the_subnet_comes_out_as_rgba(file_format: str) -> None:
    pixels = decode_prompt_image(as_prompt(Image.new("RGB", (40, 20), (200, 30, 30)), file_format))
    assert pixels.shape == (20, 40, 4)
    assert np.abs(pixels[10, 20].astype(int) - [200, 30, 30, 255]).max() < 6


def test_a_large_picture_is_reduced_with_its_proportions() -> None:
    assert decode_prompt_image(as_prompt(Image.new("RGB", (3000, 1500))), max_side=512).shape == (256, 512, 4)


def test_a_photograph_is_turned_upright_as_its_orientation_says() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = as_prompt(Image.new("RGB", (40, 20)), "JPEG", exif=exif)
    assert decode_prompt_image(turned).shape == (40, 20, 4)


def test_validators_see_a_photograph_unturned_and_in_its_own_size() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode_as_stored(as_prompt(Image.new("RGB", (1200, 20)), "JPEG", exif=exif)).shape == (20, 1200, 3)


@pytest.mark.parametrize(("mode", "seen"), [("RGBA", 255), ("LA", 7)])
def test_validators_put_white_behind_four_channels_only(mode: str, seen: int) -> None:
    hidden = Image.new(mode, (4, 4), (7, 0) if mode == "LA" else (7, 7, 7, 0))
    assert (decode_as_stored(as_prompt(hidden)) == seen).all()


def test_transparency_shows_white() -> None:
    prompt = as_prompt(Image.new("RGBA", (4, 4), (0, 0, 0, 0)))
    assert (on_white(decode_prompt_image(prompt)) == 255).all()


def a_png_that_claims(width: int, height: int) -> str:
    chunks = (b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0), b"IDAT" + zlib.compress(b"\0"))
    framed = (
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks
    )
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(framed)).decode("ascii")


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("a red vase", "not base64"),
        ("", "no PNG, JPEG or WebP"),
        ("data:image/png;base64,AAAA", "not base64"),
        (base64.b64encode(b"GIF89a" + bytes(40)).decode(), "no PNG, JPEG or WebP"),
        (as_prompt(Image.new("RGB", (8, 8)), "BMP"), "no PNG, JPEG or WebP"),
        (as_prompt(Image.effect_noise((64, 64), 90))[:400], "damaged"),
        (a_png_that_claims(100_000, 100_000), "too many pixels"),
        (a_png_that_claims(8_000, 8_000), "8000 x 8000 pixels: too many"),
        (a_png_that_claims(2_000, 2_000), "damaged"),
    ],
)
def test_what_is_no_usable_image_is_refused_with_the_reason(prompt: str, reason: str) -> None:
    with pytest.raises(PromptImageError, match=reason):
        decode_prompt_image(prompt)


MAGICS = [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF....WEBP"]


@given(st.binary(max_size=300), st.sampled_from(MAGICS))
def test_no_bytes_end_in_anything_but_pixels_or_the_named_error(data: bytes, magic: bytes) -> None:
    try:
        pixels = decode_prompt_image(base64.b64encode(magic + data).decode("ascii"))
    except PromptImageError:
        return
    assert pixels.shape[2] == 4
