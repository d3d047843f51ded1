"""Prompt files: what cannot be asked for is refused before anything starts."""

from pathlib import Path

import pytest

from trellis_assets.prompts import read_prompts
from trellis_assets.settings import SettingsError


def test_blank_lines_are_no_prompts(tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("a red vase\n\n  a chair \n", encoding="utf-8")
    assert read_prompts(tmp_path / "prompts.txt") == ["a red vase", "a chair"]


@pytest.mark.parametrize("content", [b"a red\0 vase\n", b"\xed\xa0\x80 half a pair\n", b"\n"])
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "prompts.txt").write_bytes(content)
    with pytest.raises(SettingsError, match=r"prompts\.txt"):
        read_prompts(tmp_path / "prompts.txt")
