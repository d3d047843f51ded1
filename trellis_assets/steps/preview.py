"""Preview: a generated model has a picture, made once and kept beside it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from trellis_assets.audit import audit
from trellis_assets.domain.tasks import Task
from trellis_assets.ports import FileStore, StoredFileError, StoreError


@dataclass(frozen=True, slots=True)
class PreviewStep:
    """The step with what it works on.

    Attributes:
        draw: the bytes of an SPZ file in, those of a WebP picture out; ValueError where there is
            nothing to see.
    """

    files: FileStore
    draw: Callable[[bytes], bytes]

    def run(self, task: Task) -> bytes | None:
        """The WebP picture of the task's model; None when there is no model that can be drawn."""
        if task.generation is None:
            return None
        try:
            return self.files.derived(task.generation.spz, "webp", self.draw)
        except (StoredFileError, StoreError, ValueError) as error:
            audit("no preview", task=task, level=logging.WARNING, reason=str(error))
            return None
