"""A `.env` to begin with: every setting with its default and its meaning, as comments."""

import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from trellis_assets.settings.base import SettingsGroup, variable_name
from trellis_assets.settings.documentation import quoted, type_of
from trellis_assets.settings.errors import SettingsError
from trellis_assets.settings.groups import GROUPS
from trellis_assets.settings.settings import as_text

_INTRODUCTION = """\
# Settings of trellis-assets. Remove the "# " before a variable, then change its value. Flags of the command
# line and variables of the environment override this file, which is read in the working directory.
"""


def template() -> str:
    """Return the text of the file, in which nothing is set."""
    return "\n".join((_INTRODUCTION, *(line for group in GROUPS.values() for line in _section(group))))


def _section(group: type[SettingsGroup]) -> Iterator[str]:
    introduction = (group.__doc__ or "").partition("\n")[0]
    yield f"# --- {group.title}: {introduction}"
    yield ""
    for name, info in group.model_fields.items():
        yield f"# {info.description} ({type_of(info)})"
        yield f"# {variable_name(name)}={quoted(_default(info))}"
        yield ""


def _default(info: FieldInfo) -> str:
    if info.default is None:
        return ""
    is_secret = isinstance(info.default, SecretStr)
    return as_text(info.default.get_secret_value() if is_secret else info.default)


def write_template(folder: Path) -> Path:
    """Write the file into the folder, readable by its owner only, and return its path.

    Raises:
        SettingsError: there is one, which stays as it is, or it cannot be written.
    """
    path = folder / ".env"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise SettingsError(
            f"{path} exists and was not changed: move it away first, or name another folder"
        ) from None
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be written ({error.strerror}): name a folder that can be written"
        ) from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(template())
    return path
