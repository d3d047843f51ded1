"""Model files in a local folder."""

import contextlib
from collections.abc import Callable, Container
from datetime import UTC, datetime
from pathlib import Path

from trellis_assets.adapters.file_storage.naming import (
    MODELS,
    PICTURE,
    beside,
    described,
    is_known,
    verified,
)
from trellis_assets.domain.generations import StoredFile
from trellis_assets.ports import MissingFileError, StoredFileError, StoreError
from trellis_assets.system.atomic_write import write_atomically


class LocalFileStore:
    """`FileStore` under `root`; names are made of integers only, never of what untrusted peers send."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    def write(self, task_key: int, suffix: str, data: bytes) -> StoredFile:
        """Write the data durably to `models/<day>/<key>-<checksum>.<suffix>`, whole or not at all."""
        file = described(task_key, suffix, data, datetime.now(UTC))
        try:
            write_atomically(self._root / file.path, data, is_durable=True)
        except OSError as error:
            raise StoreError(
                f"{file.path} cannot be written under {self._root}: {error.strerror or error}; make room or "
                "mend the folder's rights: the task waits, and is taken up again"
            ) from error
        return file

    def derived(self, file: StoredFile, suffix: str, make: Callable[[bytes], bytes]) -> bytes:
        """Return what `make` makes of the file; it is kept beside the file, so that it is made once."""
        path = self._path(beside(file.path, suffix))
        try:
            return path.read_bytes()
        except FileNotFoundError:
            data = make(self.read(file))
            # It can be made again: a disk that is full is no reason to go without.
            with contextlib.suppress(OSError):
                write_atomically(path, data, is_durable=True)
            return data

    def read(self, file: StoredFile) -> bytes:
        """Return the bytes that were stored.

        Raises:
            StoredFileError: missing, changed, or outside the root.
        """
        try:
            data = self._path(file.path).read_bytes()
        except FileNotFoundError as error:
            raise MissingFileError(f"{file.path} cannot be read: {error.strerror}") from error
        except OSError as error:
            raise StoredFileError(f"{file.path} cannot be read: {error.strerror or error}") from error
        return verified(file, data)

    def delete(self, path: str) -> None:
        """Delete the file and its picture, and the folder of its day when it is empty."""
        file = self._path(path)
        file.unlink(missing_ok=True)
        file.with_suffix(f".{PICTURE}").unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            file.parent.rmdir()

    def sweep(self, known: Container[str], before: datetime) -> int:
        """Delete old files that belong to no task, as a killed process leaves them; return how many."""
        swept = 0
        for path in (self._root / MODELS).rglob("*"):
            if path.is_dir() or is_known(path.relative_to(self._root).as_posix(), known):
                continue
            if path.stat().st_mtime < before.timestamp():
                path.unlink(missing_ok=True)
                swept += 1
        return swept

    def _path(self, relative: str) -> Path:
        path = (self._root / relative).resolve()
        if not path.is_relative_to(self._root.resolve()):
            raise StoredFileError(f"{relative} lies outside the data folder")
        return path
