"""Atomic writes."""

import os
from pathlib import Path

import pytest

from trellis_assets.system.atomic_write import atomic_write, write_atomically


@pytest.mark.parametrize("is_durable", [True, False])
def test_file_is_replaced_as_a_whole(tmp_path: Path, is_durable: bool) -> None:
    path = tmp_path / "folder" / "file"
    for text in ("first", "second"):
        write_atomically(path, text, is_durable=is_durable)
        assert path.read_text() == text
    assert os.listdir(path.parent) == ["file"]  # noqa: PTH208 - hidden files too
    assert path.stat().st_mode & 0o777 == 0o600


def test_error_while_writing_leaves_the_earlier_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"earlier")

    def fail() -> None:
        with atomic_write(path) as temporary:
            temporary.write_bytes(b"half")
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - the test's own
        fail()
    assert path.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_file_that_cannot_be_synced_does_not_replace_the_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "file"
    write_atomically(path, "earlier")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, "later", is_durable=True)
    assert path.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [path]
