"""Prompt files: lines that are prompts, or one error that names the file."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trellis_assets.adapters.prompt_lists import (
    MAX_FILE_BYTES,
    MAX_PROMPT,
    default_pictures,
    default_prompts,
    read_prompts,
)
from trellis_assets.settings import SettingsError

QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUICK
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "surrogatepass")))
def test_any_file_is_prompts_or_the_named_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "prompts.txt"
    path.write_bytes(data)
    try:
        prompts = read_prompts(path)
    except SettingsError as error:
        assert "prompts.txt" in str(error)
        return
    assert prompts
    for prompt in prompts:
        assert prompt.strip() == prompt != ""
        assert "\n" not in prompt
        assert "\0" not in prompt
        assert len(prompt) <= MAX_PROMPT


@pytest.mark.parametrize("content", [b"a vase\n" + b"x" * (MAX_PROMPT + 1), b"a vase\nb\0b\n"])
def test_a_prompt_that_no_validator_sends_is_named_by_its_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "prompts.txt"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="line 2"):
        read_prompts(path)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(SettingsError, match="more than"):
        read_prompts(path)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_prompts(tmp_path)


def test_the_shipped_lists_are_there() -> None:
    assert len(default_prompts()) > 100
    assert default_pictures()
