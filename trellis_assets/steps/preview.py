"""Previews: the picture of a model, drawn once and kept beside it, and what a model was made from."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trellis_assets.domain.tasks import Task
from trellis_assets.observability.audit_log import audit
from trellis_assets.ports import FileStore, StoredFileError, StoreError


@dataclass(frozen=True, slots=True)
class PreviewStep:
    """Draw a model, once.

    Attributes:
        draw: the bytes of an SPZ file in, those of a WebP picture out; ValueError where there is
            nothing to see.
    """

    files: FileStore
    draw: Callable[[bytes], bytes]

    def run(self, task: Task) -> bytes | None:
        """Return the WebP picture of the task's model; None if there is no model that can be drawn."""
        if task.generation is None:
            return None
        try:
            return self.files.derived(task.generation.spz, "webp", self.draw)
        except (StoredFileError, StoreError, ValueError) as error:
            audit("no preview", task=task, level=logging.WARNING, reason=str(error))
            return None


@dataclass(frozen=True, slots=True)
class MadeFromStep:
    """Join the pictures that a model was made from.

    Attributes:
        join: WebP files in, one small WebP file of them side by side out; ValueError where one cannot
            be read.
    """

    files: FileStore
    join: Callable[[Sequence[bytes]], bytes]

    def run(self, task: Task) -> bytes | None:
        """Return the pictures that the task's model was made from; None where none was kept."""
        made = task.generation
        files = [file for file in (made.picture, made.cut) if file is not None] if made else []
        if not files:
            return None
        try:
            return self.join([self.files.read(file) for file in files])
        except (StoredFileError, StoreError, ValueError) as error:
            audit("no picture of the prompt", task=task, level=logging.WARNING, reason=str(error))
            return None
