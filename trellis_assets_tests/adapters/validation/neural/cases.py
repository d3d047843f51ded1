"""What the recorded comparison with the subnet's own engine judges."""

import base64
import io

import numpy as np
from PIL import Image

from trellis_assets.adapters.prompt_lists import default_pictures


def pictures() -> dict[str, str]:
    """Return image prompts by name, each decoded by the service in a way of its own."""
    source = Image.open(io.BytesIO(base64.b64decode(default_pictures()[0])))
    plain = source.convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    return {
        "plain": as_prompt(plain, "PNG"),
        "turned by EXIF": as_prompt(plain, "JPEG", exif=exif, quality=95),
        "transparent": as_prompt(_faded(plain, "RGBA"), "PNG"),
        "grey and transparent": as_prompt(_faded(plain, "LA"), "PNG"),
        "palette": as_prompt(plain.quantize(32), "PNG", transparency=0),
        "CMYK": as_prompt(plain.convert("CMYK"), "JPEG", quality=95),
        "sixteen bits": as_prompt(
            Image.fromarray(np.asarray(plain.convert("L")).astype(np.uint16) * 257), "PNG"
        ),
        "larger than needed": as_prompt(_checks(), "PNG"),
    }


def _faded(picture: Image.Image, mode: str) -> Image.Image:
    faded = picture.convert(mode)
    faded.putalpha(Image.linear_gradient("L").resize(picture.size))
    return faded


def _sixteen_bits(picture: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)


def _checks() -> Image.Image:
    """Return a fine pattern that turns into another when it is reduced more than once."""
    y, x = np.mgrid[:1500, :1400]
    pixels = np.stack([(x * x + y * y) // 97, x * y // 53, x + 2 * y], -1).astype(np.uint8)
    return Image.fromarray(pixels)


def as_prompt(picture: Image.Image, file_format: str, **options: object) -> str:
    """Return the picture as an image prompt."""
    file = io.BytesIO()
    picture.save(file, file_format, **options)
    return base64.b64encode(file.getvalue()).decode("ascii")
