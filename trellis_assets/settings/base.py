"""What all groups of settings have in common."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, SecretStr
from pydantic.fields import FieldInfo

PREFIX = "TRELLIS_"
# Set for processes that were given all settings: `.env` is not read there, so that what changes in it while
# mining does not reach some processes of a session and not others.
GIVEN_VARIABLE = "TRELLIS_SETTINGS_GIVEN"


class SettingsGroup(BaseModel):
    """Settings of one subject. A field `x` is the variable `TRELLIS_X`; names are unique over all groups.

    Groups hold values that were checked when the variables were read (`loading`), so they are built without
    checking them again. The first line of a group's docstring introduces its table in docs/settings.md.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    title: ClassVar[str]


def variable_name(field: str) -> str:
    """Return the variable of a field.

    Example: `min_score` is `TRELLIS_MIN_SCORE`.
    """
    return f"{PREFIX}{field.upper()}"


def is_secret(info: FieldInfo) -> bool:
    """Return whether the field's value must never be shown."""
    return info.annotation in {SecretStr, SecretStr | None}
