"""Models as bytes, and the files that they are kept in."""

from collections.abc import Callable, Container
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from trellis_assets.domain.generations import StoredFile

if TYPE_CHECKING:
    # Its module imports numpy, which processes that compute no splats need not wait for.
    from trellis_assets.domain.splats.splats import GaussianSplats


class SplatCodec(Protocol):
    """Splats as bytes.

    Raises:
        ValueError: the format cannot hold the model; says why.
    """

    def encode_spz(self, splats: "GaussianSplats") -> bytes: ...
    def encode_ply(self, splats: "GaussianSplats") -> bytes: ...


class FileStore(Protocol):
    """Model files, addressed by a relative path that the store chose."""

    def write(self, task_key: int, suffix: str, data: bytes) -> StoredFile:
        """Write the data durably and atomically: never half a file.

        Raises:
            StoreError: it could not be written, and nothing is left of it; says what to do.
        """
        ...

    def read(self, file: StoredFile) -> bytes:
        """Return the bytes.

        Raises:
            MissingFileError: it is not there.
            StoredFileError: of another size or with another checksum.
            StoreError: shared storage does not answer; the file may well be there.
        """
        ...

    def derived(self, file: StoredFile, suffix: str, make: Callable[[bytes], bytes]) -> bytes:
        """Return what `make` makes of the file's bytes; it is kept, so that it is made once.

        Raises:
            StoredFileError: as `read`, the first time.
        """
        ...

    def delete(self, path: str) -> None:
        """Delete the file and what was derived from it; a missing one is no error."""
        ...

    def sweep(self, known: Container[str], before: datetime) -> int:
        """Delete older files that are neither known nor derived from a known one; return how many."""
        ...


class StoredFileError(RuntimeError):
    """A stored file is not what was stored."""


class MissingFileError(StoredFileError):
    """A stored file is gone."""
