"""The pictures that a generation server says it made a model from, fetched and made safe."""

import base64
import io
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass

import httpx
import numpy as np
from numpy.typing import NDArray

from trellis_assets.adapters.http_client import Answer, BoundedClient, NoAnswerError, shown_url
from trellis_assets.adapters.prompt_images import PromptImageError, decode_prompt_image
from trellis_assets.domain.generation_requests import PictureKind
from trellis_assets.system.bounded_cache import BoundedCache

_log = logging.getLogger(__name__)

# A task is not kept from its validator for a picture.
TIMEOUT_S = 5.0
MAX_BYTES = 8 * 1024 * 1024
QUALITY = 90
# A run asks for its own pictures at once.
_REMEMBERED = 64
_MODEL_ID = re.compile(r"[0-9a-f]{32}")
_OPAQUE = 255


@dataclass(frozen=True, slots=True)
class Offer:
    """What an answer said of its model's pictures: where they are, and which there are."""

    url: str
    kinds: tuple[PictureKind, ...]


def offer_in(answer: Answer, url: str) -> Offer | None:
    """Return the pictures that the answer names; None without any, as from servers of others.

    Only the id and known names are taken from the server, never an address.
    """
    model_id = answer.headers.get("x-model-id", "")
    named = {name.strip() for name in answer.headers.get("x-model-pictures", "").split(",")}
    kinds = tuple(kind for kind in PictureKind if kind in named)
    if not kinds or not _MODEL_ID.fullmatch(model_id):
        return None
    return Offer(f"{url}/models/{model_id}", kinds)


class OfferedPictures:
    """Offers of the last models, each good for one fetch. Safe to use from several threads."""

    def __init__(
        self, token: str | None, *, timeout_s: float = TIMEOUT_S, max_bytes: int = MAX_BYTES
    ) -> None:
        self._client = BoundedClient(timeout_s=timeout_s, max_bytes=max_bytes, token=token)
        self._offers: BoundedCache[tuple[str, str, int], Offer] = BoundedCache(_REMEMBERED)

    def remember(self, key: tuple[str, str, int], offer: Offer) -> None:
        """Keep an offer until it is taken; the oldest ones go.

        Args:
            key: endpoint, prompt and seed.
            offer: as `offer_in` returned it.
        """
        self._offers.keep(key, offer)

    def take(self, key: tuple[str, str, int]) -> Mapping[PictureKind, bytes]:
        """Return the pictures as WebP files of our own making; those that do not come are left out."""
        offer = self._offers.pop(key)
        if offer is None:
            return {}
        files: dict[PictureKind, bytes] = {}
        for kind in offer.kinds:
            try:
                files[kind] = self._fetched(f"{offer.url}/{kind}.png")
            except (NoAnswerError, PromptImageError) as error:
                _log.warning("no %s of the model: %s", kind, error)
                if isinstance(error, NoAnswerError):
                    break  # the next one would only be waited for as long
        return files

    def _fetched(self, url: str) -> bytes:
        answer = self._client.get(url)
        if answer.status != httpx.codes.OK:
            raise PromptImageError(f"{shown_url(url)} answered {answer.status}")
        return webp_file(decode_prompt_image(base64.b64encode(answer.body).decode("ascii")))


def webp_file(pixels: NDArray[np.uint8]) -> bytes:
    """Return (H, W, 4) RGBA as a WebP file; without alpha where every pixel is opaque."""
    from PIL import Image

    is_opaque = bool((pixels[..., 3] == _OPAQUE).all())
    file = io.BytesIO()
    Image.fromarray(pixels[..., :3] if is_opaque else pixels).save(file, "WEBP", quality=QUALITY)
    return file.getvalue()
