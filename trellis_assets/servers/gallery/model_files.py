"""Models as files and pictures to download, made from the stored SPZ after its checksum is verified."""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from trellis_assets.adapters.prompt_images import PromptImageError, decode_prompt_image, on_white
from trellis_assets.adapters.rendering.pictures import png_bytes
from trellis_assets.adapters.splat_io.ply import write_ply
from trellis_assets.adapters.splat_io.spz import decode_spz, encode_gzip_spz
from trellis_assets.domain.generation_requests import PictureKind
from trellis_assets.domain.generations import StoredFile
from trellis_assets.domain.splats.splats import FloatArray
from trellis_assets.domain.tasks import Task, TaskKind
from trellis_assets.ports import FileStore, StoredFileError, StoreError
from trellis_assets.system.bounded_cache import BoundedCache

_PROMPT_SIDE = 512
_LARGEST_LOGIT = np.float32(math.log((1 - 0.25 / 255) / (0.25 / 255)))
# Bytes of converted models in the cache: one conversion takes a quarter of a second.
_CACHED_FILES, _CACHED_BYTES = 1000, 64 * 1024 * 1024


class ModelFormat(StrEnum):
    """The formats of a model; each is also the file's suffix."""

    SPZ = "spz"  # as it was submitted, in a zstd frame
    VIEW = "gz.spz"  # in a gzip frame, which viewers open
    PLY = "ply"


class NoModelError(LookupError):
    """There is no model or picture to send; the text says why."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Reads, converts and draws stored models.

    Attributes:
        convert: from the stored bytes to those of the format; raises ValueError if they are no model.
        draw: from the stored bytes to those of a WebP picture; raises ValueError if nothing can be drawn.
    """

    files: FileStore
    convert: Callable[[bytes, ModelFormat], bytes]
    draw: Callable[[bytes], bytes]
    _converted: BoundedCache[tuple[str, ModelFormat], bytes] = field(
        default_factory=lambda: BoundedCache(_CACHED_FILES, _CACHED_BYTES, len)
    )
    # The renderer takes all cores for one picture; several at once would only be slower.
    _drawing: threading.Lock = field(default_factory=threading.Lock)

    def file(self, task: Task, model_format: ModelFormat) -> bytes:
        """Return the model in the format.

        Raises:
            NoModelError: the file is missing, changed, or no model.
        """
        if task.generation is None:
            raise NoModelError(f"task {task.key} has no model")
        try:
            stored = self.files.read(task.generation.spz)
            if model_format is ModelFormat.SPZ:
                return stored
            return self._convert((task.generation.spz.sha256, model_format), stored)
        except (StoredFileError, StoreError, ValueError) as error:
            raise NoModelError(str(error)) from error

    def _convert(self, key: tuple[str, ModelFormat], stored: bytes) -> bytes:
        """Return the stored bytes in the key's format, from the cache if they are there."""
        if (converted := self._converted.get(key)) is None:
            converted = self.convert(stored, key[1])
            if len(converted) <= _CACHED_BYTES:
                self._converted.keep(key, converted)
        return converted

    def picture(self, task: Task) -> bytes:
        """Return a WebP picture of the model.

        Raises:
            NoModelError: there is no model to draw.
        """
        if task.generation is None:
            raise NoModelError(f"task {task.key} has no model")
        return self.drawn(task.generation.spz)

    def drawn(self, spz: StoredFile) -> bytes:
        """Return a WebP picture of a stored model.

        Raises:
            NoModelError: the file is missing, changed, or no model.
        """
        try:
            with self._drawing:
                return self.files.derived(spz, "webp", self.draw)
        except (StoredFileError, StoreError, ValueError) as error:
            raise NoModelError(str(error)) from error

    def made_from(self, task: Task, kind: PictureKind) -> bytes:
        """Return the WebP file of a picture that the model was made from, after its checksum is verified.

        Raises:
            NoModelError: no such picture was kept, or its file is gone.
        """
        made = task.generation
        file = {PictureKind.PICTURE: made.picture, PictureKind.CUT: made.cut}[kind] if made else None
        if file is None:
            raise NoModelError(f"task {task.key} has no {kind}")
        try:
            return self.files.read(file)
        except (StoredFileError, StoreError) as error:
            raise NoModelError(str(error)) from error


def prompt_png(task: Task) -> bytes:
    """Return an image prompt as PNG, decoded and encoded again: an untrusted file is not passed on.

    Raises:
        NoModelError: the prompt is text, or cannot be decoded.
    """
    if task.kind is not TaskKind.IMAGE:
        raise NoModelError(f"the prompt of task {task.key} is text, not a picture")
    try:
        return png_bytes(on_white(decode_prompt_image(task.prompt, max_side=_PROMPT_SIDE)))
    except PromptImageError as error:
        raise NoModelError(str(error)) from error


def convert(stored: bytes, model_format: ModelFormat) -> bytes:
    """Return a stored model in another format.

    Raises:
        SplatFormatError: the bytes are no model.
    """
    splats = decode_spz(stored)
    if model_format is ModelFormat.PLY:
        return write_ply(replace(splats, opacity_logits=finite_opacities(splats.opacity_logits)))
    return encode_gzip_spz(splats)


def finite_opacities(logits: FloatArray) -> FloatArray:
    """Return (N,) opacities that editors can read: SPZ's 0 and 255 mean minus and plus infinity.

    The bound is a quarter of a step from the end, logit(1 - 0.25 / 255) = 6.93, so that encoding the file
    again gives the same byte.
    """
    return np.clip(logits, -_LARGEST_LOGIT, _LARGEST_LOGIT)
