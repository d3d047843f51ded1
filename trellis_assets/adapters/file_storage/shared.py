"""Model files on storage that several machines share: anything that fsspec speaks to."""

import contextlib
from collections.abc import Callable, Container, Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

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


class FsspecFileStore:
    """`FileStore` below a URL, such as `s3://bucket/prefix`. Safe to share between threads and processes."""

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        """Open nothing yet.

        Raises:
            StoreError: no such protocol, or its package is not installed.
        """
        self._url, self._options = url, options
        _ = self._place

    @cached_property
    def _place(self) -> tuple[Any, str]:
        """Return the file system, and the root in it."""
        import fsspec.core

        try:
            # What another machine wrote must be seen at once: no listing is remembered.
            system, root = fsspec.core.url_to_fs(self._url, use_listings_cache=False, **self._options)
        except ImportError as error:
            advice = "pip install 'trellis-assets[s3]'" if self._url.startswith("s3") else "install it"
            raise StoreError(f"TRELLIS_FILES_URL: {error}: {advice}") from error
        except (ValueError, TypeError) as error:
            raise StoreError(f"TRELLIS_FILES_URL or TRELLIS_FILES_OPTIONS: {error}") from error
        return system, str(root).rstrip("/")

    def __getstate__(self) -> tuple[str, Mapping[str, Any]]:
        return self._url, self._options

    def __setstate__(self, state: tuple[str, Mapping[str, Any]]) -> None:
        self._url, self._options = state

    def write(self, task_key: int, suffix: str, data: bytes) -> StoredFile:
        """Write the data to `models/<day>/<key>-<checksum>.<suffix>`; whole or not at all if storage can."""
        file = described(task_key, suffix, data, datetime.now(UTC))
        try:
            self._write(file.path, data)
        except Exception as error:
            raise StoreError(
                f"{file.path} cannot be written to {self._url}: {_text(error)}; look at the storage, "
                "TRELLIS_FILES_URL and TRELLIS_FILES_OPTIONS: the task waits, and is taken up again"
            ) from error
        return file

    def derived(self, file: StoredFile, suffix: str, make: Callable[[bytes], bytes]) -> bytes:
        """Return what `make` makes of the file; it is kept beside the file, so that it is made once."""
        path = beside(file.path, suffix)
        try:
            return self._read(path)
        except MissingFileError:
            data = make(self.read(file))
            # It can be made again: storage that takes nothing is no reason to go without.
            with contextlib.suppress(Exception):
                self._write(path, data)
            return data

    def read(self, file: StoredFile) -> bytes:
        """Return the bytes that were stored.

        Raises:
            StoredFileError: missing, changed, or outside the root.
            StoreError: the storage does not answer; the file may well be there.
        """
        return verified(file, self._read(file.path))

    def delete(self, path: str) -> None:
        """Delete the file and its picture."""
        system, _ = self._place
        for name in (path, beside(path, PICTURE)):
            full = self._path(name)
            with self._named_errors(name, "deleted"), contextlib.suppress(FileNotFoundError):
                system.rm_file(full)

    def sweep(self, known: Container[str], before: datetime) -> int:
        """Delete old files that belong to no task, as a killed process leaves them; return how many."""
        system, root = self._place
        swept = 0
        with self._named_errors(MODELS, "listed"):
            for path in system.find(f"{root}/{MODELS}"):
                relative = str(path).removeprefix(root).lstrip("/")
                if is_known(relative, known) or _aware(system.modified(path)) >= before:
                    continue
                system.rm_file(path)
                swept += 1
        return swept

    def _read(self, path: str) -> bytes:
        system, _ = self._place
        full = self._path(path)
        with self._named_errors(path, "read"):
            return bytes(system.cat_file(full))

    def _write(self, path: str, data: bytes) -> None:
        system, _ = self._place
        full = self._path(path)
        if getattr(system, "async_impl", False):
            # Stores behind HTTP: one PUT, of which all or nothing is seen.
            system.pipe_file(full, data)
            return
        # File systems: under another name first, where fsspec can.
        system.makedirs(str(PurePosixPath(full).parent), exist_ok=True)
        opened = system.open(full, "wb", autocommit=False)
        try:
            opened.write(data)
            opened.close()
            opened.commit()
        except BaseException:
            with contextlib.suppress(Exception):
                opened.close()
                opened.discard()
            raise

    def _path(self, relative: str) -> str:
        parts = PurePosixPath(relative)
        if parts.is_absolute() or ".." in parts.parts:
            raise StoredFileError(f"{relative} lies outside {self._url}")
        return f"{self._place[1]}/{relative}"

    @contextlib.contextmanager
    def _named_errors(self, path: str, done: str) -> Iterator[None]:
        """Turn drivers' own errors into ours. Only a file that is gone is made again."""
        try:
            yield
        except FileNotFoundError as error:
            raise MissingFileError(f"{path} cannot be {done}: it is not in {self._url}") from error
        except Exception as error:
            raise StoreError(f"{path} cannot be {done} in {self._url}: {_text(error)}") from error


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
