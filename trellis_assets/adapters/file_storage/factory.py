"""Open the file store that the settings name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from trellis_assets.adapters.file_storage.local import LocalFileStore
from trellis_assets.adapters.file_storage.shared import FsspecFileStore
from trellis_assets.ports import FileStore

_PROBE = b"Can this be written, read and deleted?"


def open_files(url: str | None, options: Mapping[str, Any], folder: Path) -> FileStore:
    """Return the file store at the URL; without one, and for `file://`, a folder with synced writes.

    Raises:
        StoreError: URL or options cannot be used; says what to do.
    """
    if url is None:
        return LocalFileStore(folder)
    parts = urlsplit(url)
    if parts.scheme in {"file", "local"}:
        return LocalFileStore(Path(unquote(parts.netloc + parts.path)))
    return FsspecFileStore(url, options)


def prove_files(files: FileStore) -> None:
    """Raise unless a file can be written, read and deleted there.

    Raises:
        StoreError, StoredFileError: it cannot.
    """
    probe = files.write(0, "png", _PROBE)
    try:
        files.read(probe)
    finally:
        files.delete(probe.path)
