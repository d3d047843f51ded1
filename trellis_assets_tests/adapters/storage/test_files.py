"""Model files: whole or not there, checked when read, never outside the folder."""

from dataclasses import replace
from pathlib import Path

import pytest

from trellis_assets.adapters.storage.files import LocalFileStore
from trellis_assets.ports import StoredFileError


def test_what_was_written_is_read(files: LocalFileStore) -> None:
    stored = files.write(7, "spz", b"model")
    assert files.read(stored) == b"model"
    assert stored.size == 5


def test_a_changed_file_is_not_read(files: LocalFileStore, tmp_path: Path) -> None:
    stored = files.write(7, "spz", b"model")
    (tmp_path / "files" / stored.path).write_bytes(b"other")
    with pytest.raises(StoredFileError, match="not what was stored"):
        files.read(stored)


def test_a_missing_file_is_named(files: LocalFileStore) -> None:
    stored = files.write(7, "spz", b"model")
    files.delete(stored.path)
    files.delete(stored.path)
    with pytest.raises(StoredFileError, match="cannot be read"):
        files.read(stored)


def test_no_path_leads_out_of_the_folder(files: LocalFileStore, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"key")
    stored = files.write(7, "spz", b"key")
    with pytest.raises(StoredFileError, match="outside"):
        files.read(replace(stored, path="../secret"))
    with pytest.raises(StoredFileError, match="outside"):
        files.delete(str(tmp_path / "secret"))


def test_only_the_owner_may_read_and_no_half_file_is_left(files: LocalFileStore, tmp_path: Path) -> None:
    stored = files.write(7, "spz", b"model")
    path = tmp_path / "files" / stored.path
    assert path.stat().st_mode & 0o077 == 0
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_derived_file_is_made_once(files: LocalFileStore) -> None:
    stored = files.write(7, "spz", b"model")
    made: list[bytes] = []

    def make(data: bytes) -> bytes:
        made.append(data)
        return b"picture"

    assert [files.derived(stored, "webp", make) for _ in range(2)] == [b"picture"] * 2
    assert made == [b"model"]


def test_nothing_is_derived_from_a_changed_file(files: LocalFileStore, tmp_path: Path) -> None:
    stored = files.write(7, "spz", b"model")
    (tmp_path / "files" / stored.path).write_bytes(b"other")
    with pytest.raises(StoredFileError):
        files.derived(stored, "webp", bytes)
