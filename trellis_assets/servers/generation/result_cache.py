"""The models made last: who asks again, because the answer never arrived, is not made to wait again."""

from collections import OrderedDict
from dataclasses import fields
from threading import Lock

from trellis_assets.domain.generation_requests import GenerationRequest
from trellis_assets.domain.splats.splats import GaussianSplats

MODELS = 8
MAX_BYTES = 512 * 1024 * 1024


class ResultCache:
    """Models by their whole order, the newest few. Safe to use from several threads."""

    def __init__(self, models: int = MODELS, max_bytes: int = MAX_BYTES) -> None:
        """Begin empty. The newest model is kept however large it is."""
        self._models, self._max_bytes = models, max_bytes
        self._kept: OrderedDict[GenerationRequest, GaussianSplats] = OrderedDict()
        self._lock = Lock()

    def get(self, order: GenerationRequest) -> GaussianSplats | None:
        """Return the model of this very request (same prompt, seed and settings); None if there is none."""
        with self._lock:
            return self._kept.get(order)

    def keep(self, order: GenerationRequest, splats: GaussianSplats) -> None:
        """Keep the model, and drop the oldest ones where there is no room."""
        with self._lock:
            self._kept[order] = splats
            self._kept.move_to_end(order)
            while len(self._kept) > 1 and not self._has_room():
                self._kept.popitem(last=False)

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._kept.clear()

    def _has_room(self) -> bool:
        size = sum(_bytes_of(splats) for splats in self._kept.values())
        return len(self._kept) <= self._models and size <= self._max_bytes


def _bytes_of(splats: GaussianSplats) -> int:
    return sum(int(getattr(splats, field.name).nbytes) for field in fields(splats))
