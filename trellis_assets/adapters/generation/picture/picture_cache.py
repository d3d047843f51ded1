"""The pictures that the last models were made from, for the miner to fetch."""

import io
from collections.abc import Mapping

from trellis_assets.adapters.generation.picture.background import Picture
from trellis_assets.adapters.generation.picture.stages import Pictures
from trellis_assets.domain.generation_requests import GenerationRequest, PictureKind
from trellis_assets.system.bounded_cache import BoundedCache

# Twice as many as the result cache has models.
REQUESTS = 16


class PictureCache:
    """PNG files by the id of their model, of the newest requests. Safe to use from several threads."""

    def __init__(self, requests: int = REQUESTS) -> None:
        """Create an empty cache."""
        self._files: BoundedCache[str, Mapping[PictureKind, bytes]] = BoundedCache(requests)

    def keep(self, request: GenerationRequest, pictures: Pictures) -> None:
        """Cache both pictures of a request."""
        files = {
            PictureKind.PICTURE: png_file(pictures.picture[..., :3]),
            PictureKind.CUT: png_file(pictures.cut),
        }
        self._files.keep(request.model_id, files)

    def get(self, model_id: str) -> Mapping[PictureKind, bytes]:
        """Return the PNG files of a model; none where it had none, or they are gone."""
        return self._files.get(model_id) or {}


def png_file(pixels: Picture) -> bytes:
    """Return the pixels as a PNG file, quickly made rather than small."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
