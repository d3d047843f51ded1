"""Lists of prompts: a file's, or the ones that the project ships."""

import base64
from importlib.resources import files
from pathlib import Path

from trellis_assets.domain.generation_requests import MAX_PROMPT
from trellis_assets.settings import SettingsError

MAX_FILE_BYTES = 64 * 1024 * 1024
# As many as scoring services take (PROTOCOL 3).


def default_prompts() -> list[str]:
    """Return the shipped list."""
    text = files("trellis_assets.resources").joinpath("prompts.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line]


def default_pictures() -> list[str]:
    """Return the shipped image prompts, as they go on the wire. `benchmarks/make_pictures.py` made them."""
    folder = files("trellis_assets.resources").joinpath("pictures")
    names = sorted(file.name for file in folder.iterdir() if file.name.endswith(".webp"))
    return [base64.b64encode(folder.joinpath(name).read_bytes()).decode("ascii") for name in names]


def read_prompts(path: Path | None) -> list[str]:
    """Return one prompt per line of the file (without blank lines), or the shipped list.

    Raises:
        SettingsError: the file cannot be read, holds no prompt, or one that no validator would send.
    """
    if path is None:
        return default_prompts()
    try:
        file = path.expanduser()
        if file.stat().st_size > MAX_FILE_BYTES:
            raise SettingsError(f"prompts file {path} has more than {MAX_FILE_BYTES} bytes")
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"prompts file {path} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_PROMPT or "\0" in line:
            raise SettingsError(
                f"prompts file {path}, line {number}: longer than {MAX_PROMPT} characters, or with a NUL"
            )
    prompts = [line.strip() for line in lines if line.strip()]
    if any("\0" in prompt for prompt in prompts):
        raise SettingsError(f"prompts file {path} holds NUL characters: is it a text?")
    if not prompts:
        raise SettingsError(f"prompts file {path} holds no prompt: write one per line")
    return prompts
