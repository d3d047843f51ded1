"""Models as bytes, and the files that they are kept in."""

from collections.abc import Callable, Container
from datetime import datetime
from typing import Protocol

from trellis_assets.domain.generations import StoredFile
from trellis_assets.domain.splats.splats import GaussianSplats


class SplatCodec(Protocol):
    """Splats as bytes.

    Raises:
        ValueError: the format cannot hold the model; says why.
    """

    def encode_spz(self, splats: GaussianSplats) -> bytes: ...
    def encode_ply(self, splats: GaussianSplats) -> bytes: ...


class FileStore(Protocol):
    """Model files, addressed by a relative path that the store chose."""

    def write(self, task_key: int, suffix: str, data: bytes) -> StoredFile:
        """`data` is durably on disk (atomic: never half a file).

        Raises:
            StoreError: it could not be written, and nothing is left of it; says what to do.
        """
        ...

    def read(self, file: StoredFile) -> bytes:
        """The bytes.

        Raises:
            MissingFileError: it is not there.
            StoredFileError: of another size or with another checksum.
            StoreError: shared storage does not answer; the file may well be there.
        """
        ...

    def derived(self, file: StoredFile, suffix: str, make: Callable[[bytes], bytes]) -> bytes:
        """What `make` makes of the file's bytes, kept so that it is made once.

        Raises:
            StoredFileError: as `read`, the first time.
        """
        ...

    def delete(self, path: str) -> None:
        """The file and what was derived from it are gone; a missing one is no error."""
        ...

    def sweep(self, known: Container[str], before: datetime) -> int:
        """How many files older than that were deleted: neither known nor derived from a known one."""
        ...


class StoredFileError(RuntimeError):
    """A stored file is not what was stored."""


class MissingFileError(StoredFileError):
    """A stored file is gone."""
