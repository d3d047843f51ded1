"""The pictures that the last models were made from, for the miner to fetch."""

import io
from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock

from trellis_assets.adapters.generation.picture.background import Picture
from trellis_assets.adapters.generation.picture.stages import Pictures
from trellis_assets.domain.generation_requests import GenerationRequest, PictureKind

# As many models are kept for those who lost their answer, and as many again.
ORDERS = 16


class KeptPictures:
    """PNG files by the id of their model, the newest few. Safe to use from several threads."""

    def __init__(self, orders: int = ORDERS) -> None:
        """Begin empty."""
        self._orders = orders
        self._kept: OrderedDict[str, Mapping[PictureKind, bytes]] = OrderedDict()
        self._lock = Lock()

    def keep(self, order: GenerationRequest, pictures: Pictures) -> None:
        """Keep both pictures of an order; the oldest ones go where there is no room."""
        files = {
            PictureKind.PICTURE: png_file(pictures.picture[..., :3]),
            PictureKind.CUT: png_file(pictures.cut),
        }
        with self._lock:
            self._kept[order.model_id] = files
            self._kept.move_to_end(order.model_id)
            while len(self._kept) > self._orders:
                self._kept.popitem(last=False)

    def get(self, model_id: str) -> Mapping[PictureKind, bytes]:
        """Return the PNG files of a model; none where it had none, or they are gone."""
        with self._lock:
            return self._kept.get(model_id, {})


def png_file(pixels: Picture) -> bytes:
    """Return the pixels as a PNG file, quickly made rather than small."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
