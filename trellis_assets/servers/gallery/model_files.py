"""Models as files and pictures to send, made from the stored SPZ, whose checksum is verified."""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from trellis_assets.adapters.prompt_images import PromptImageError, decode_prompt_image, on_white
from trellis_assets.adapters.rendering.pictures import png_bytes
from trellis_assets.adapters.splat_io.ply import write_ply
from trellis_assets.adapters.splat_io.spz import decode_spz, encode_gzip_spz
from trellis_assets.domain.generation_requests import PictureKind
from trellis_assets.domain.splats.splats import FloatArray
from trellis_assets.domain.tasks import Task, TaskKind
from trellis_assets.ports import FileStore, StoredFileError, StoreError

_PROMPT_SIDE = 512
_LARGEST_LOGIT = np.float32(math.log((1 - 0.25 / 255) / (0.25 / 255)))
# Bytes of converted models that are kept: one conversion takes a quarter of a second.
_KEPT_BYTES = 64 * 1024 * 1024


class ModelForm(StrEnum):
    """What a model can be had as: also the file's suffix."""

    SPZ = "spz"  # as it was submitted, in a zstd frame
    VIEW = "gz.spz"  # in a gzip frame, which viewers open
    PLY = "ply"


class NoModelError(LookupError):
    """There is nothing to send; the text says why."""


class KeptBytes:
    """What was computed last, up to a number of bytes; what was used longest ago goes first."""

    def __init__(self, limit: int) -> None:
        self._limit, self._size = limit, 0
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, compute: Callable[[], bytes]) -> bytes:
        """Return what is kept for the key, or compute and keep it."""
        with self._lock:
            if (found := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return found
        made = compute()
        with self._lock:
            if key not in self._kept and len(made) <= self._limit:
                self._kept[key] = made
                self._size += len(made)
            while self._size > self._limit:
                _, dropped = self._kept.popitem(last=False)
                self._size -= len(dropped)
        return made


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Files of models.

    Attributes:
        convert: the stored bytes in, those of the form out; ValueError where they are no model.
        draw: the stored bytes in, those of a WebP picture out; ValueError where nothing can be seen.
    """

    files: FileStore
    convert: Callable[[bytes, ModelForm], bytes]
    draw: Callable[[bytes], bytes]
    _converted: "KeptBytes" = field(default_factory=lambda: KeptBytes(_KEPT_BYTES))
    # The renderer takes all cores for one picture; several at once would only be slower.
    _drawing: threading.Lock = field(default_factory=threading.Lock)

    def file(self, task: Task, form: ModelForm) -> bytes:
        """The model in the form.

        Raises:
            NoModelError: the file is missing, changed, or no model.
        """
        if task.generation is None:
            raise NoModelError(f"task {task.key} has no model")
        try:
            stored = self.files.read(task.generation.spz)
            if form is ModelForm.SPZ:
                return stored
            return self._converted.get((task.generation.spz.sha256, form), lambda: self.convert(stored, form))
        except (StoredFileError, StoreError, ValueError) as error:
            raise NoModelError(str(error)) from error

    def picture(self, task: Task) -> bytes:
        """WebP of the model.

        Raises:
            NoModelError: there is none to draw.
        """
        if task.generation is None:
            raise NoModelError(f"task {task.key} has no model")
        try:
            with self._drawing:
                return self.files.derived(task.generation.spz, "webp", self.draw)
        except (StoredFileError, StoreError, ValueError) as error:
            raise NoModelError(str(error)) from error

    def made_from(self, task: Task, kind: PictureKind) -> bytes:
        """Return the WebP file of what the model was made from: our own encoding, checksum verified.

        Raises:
            NoModelError: none was kept, or it is gone.
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
    """The picture that a task was asked with, decoded and encoded anew: a stranger's file is not passed on.

    Raises:
        NoModelError: the prompt is text, or no picture.
    """
    if task.kind is not TaskKind.IMAGE:
        raise NoModelError(f"task {task.key} was asked in words")
    try:
        return png_bytes(on_white(decode_prompt_image(task.prompt, max_side=_PROMPT_SIDE)))
    except PromptImageError as error:
        raise NoModelError(str(error)) from error


def convert(stored: bytes, form: ModelForm) -> bytes:
    """A stored model in another form.

    Raises:
        SplatFormatError: it is no model.
    """
    splats = decode_spz(stored)
    if form is ModelForm.PLY:
        return write_ply(replace(splats, opacity_logits=finite_opacities(splats.opacity_logits)))
    return encode_gzip_spz(splats)


def finite_opacities(logits: FloatArray) -> FloatArray:
    """Return (N,) opacities that editors can read: SPZ's 0 and 255 mean minus and plus infinity.

    The bound is a quarter of a step from the end, logit(1 - 0.25 / 255) = 6.93, so that encoding the file
    again gives the same byte.
    """
    return np.clip(logits, -_LARGEST_LOGIT, _LARGEST_LOGIT)
