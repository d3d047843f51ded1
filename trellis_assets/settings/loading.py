"""Read and check the variables of all groups at once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError, create_model
from pydantic_settings import BaseSettings, SettingsConfigDict

from trellis_assets.settings.base import PREFIX, variable_name
from trellis_assets.settings.errors import SettingsError
from trellis_assets.settings.groups import FIELDS

_PYDANTIC_PREFIX = "Value error, "


class _Environment(BaseSettings):
    """Overrides, then the environment, then `.env`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        allow_inf_nan=False,
    )


# One model of all fields, so that `.env` is read once and every mistake is reported together.
_fields: dict[str, Any] = {name: (info.annotation, info) for name, info in FIELDS.items()}
_Variables: Any = create_model("_Variables", __base__=_Environment, **_fields)


def read_variables(overrides: Mapping[str, Any], env_file: Path | None) -> dict[str, Any]:
    """Return the value of every field.

    Args:
        overrides: by field name, checked as variables are; they go before the environment.
        env_file: goes after the environment; None or a file that does not exist: the environment alone.

    Raises:
        SettingsError: naming each variable that cannot be used, never a value.
    """
    if unknown := sorted(overrides.keys() - FIELDS.keys()):
        raise TypeError(f"no such setting: {', '.join(unknown)}")
    try:
        read = _Variables(_env_file=env_file, **overrides)
    except ValidationError as error:
        lines = [
            f"{variable_name(str((*e['loc'], '')[0]))}: {e['msg'].removeprefix(_PYDANTIC_PREFIX)}"
            for e in error.errors(include_input=False, include_url=False)
        ]
        raise SettingsError("settings cannot be used\n  " + "\n  ".join(lines)) from None
    except (OSError, UnicodeDecodeError) as error:
        problem = f"{env_file} cannot be read ({type(error).__name__})"
        raise SettingsError(f"{problem}: make it a readable file of UTF-8 text, or remove it") from None
    return {name: getattr(read, name) for name in FIELDS}
