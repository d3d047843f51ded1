"""The settings as text: `docs/settings.md`, and the listing of `trellis-assets settings`."""

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from trellis_assets.settings.base import SettingsGroup, is_secret, variable_name
from trellis_assets.settings.field_types import Choices
from trellis_assets.settings.groups import GROUPS
from trellis_assets.settings.settings import Settings, as_text

COMMAND = "trellis-assets settings --markdown"
_INTRODUCTION = f"""\
# Settings

Written by `make docs-settings` (`{COMMAND}`): edit `trellis_assets/settings/` instead.

A flag of the command line overrides the environment, and the environment overrides `.env` in the working
directory. `trellis-assets settings` lists the values in use; secrets are hidden. A variable that begins with
`TRELLIS_` and is not listed here is reported as mistyped.
"""
_NAMES = {bool: "true or false", int: "integer", float: "number", str: "text", tuple: "list"}
_SIGNS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
# What can stand unquoted after the sign of equality, in `.env` and in a shell.
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=-]*")


def markdown() -> str:
    """Return the page of all settings: a table for each group with variable, type, default and meaning."""
    return "\n".join((_INTRODUCTION, *(_table(group) for group in GROUPS.values())))


def _table(group: type[SettingsGroup]) -> str:
    introduction = (group.__doc__ or "").partition("\n")[0]
    rows = (
        f"| `{variable_name(name)}` | {type_of(info)} | {_default(info)} | {_cell(info.description or '')} |"
        for name, info in group.model_fields.items()
    )
    head = ("| variable | type | default | meaning |", "|---|---|---|---|")
    return "\n".join((f"## {group.title}", "", introduction, "", *head, *rows, ""))


def type_of(info: FieldInfo) -> str:
    """Return the field's type in words, with its bounds.

    Example: `number, > 0, ≤ 86,400`; `skip or reuse`; `secret`.
    """
    kind, metadata = _unwrapped(info.annotation, info.metadata)
    if kind is SecretStr:
        return "secret"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(str(member.value) for member in kind)
    if (choices := next((part for part in metadata if isinstance(part, Choices)), None)) is not None:
        return " or ".join(choices.names)
    word = _NAMES.get(get_origin(kind) or kind, getattr(kind, "__name__", str(kind)).lower())
    return ", ".join((word, *_bounds_of(metadata)))


def _unwrapped(annotation: Any, metadata: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
    """Return the type itself of an optional or annotated one, and what it is annotated with."""
    if get_origin(annotation) is Annotated:
        kind, *more = get_args(annotation)
        inner = [part for info in more for part in getattr(info, "metadata", (info,))]
        return _unwrapped(kind, [*metadata, *inner])
    if get_origin(annotation) in {Union, UnionType}:
        return _unwrapped(next(part for part in get_args(annotation) if part is not type(None)), metadata)
    return annotation, metadata


def _bounds_of(metadata: Sequence[Any]) -> Iterator[str]:
    for bound in metadata:
        for name, sign in _SIGNS.items():
            if (limit := getattr(bound, name, None)) is not None:
                yield f"{sign} {limit:,.10g}"
        if (step := getattr(bound, "multiple_of", None)) is not None:
            yield f"multiple of {step}"
        if (most := getattr(bound, "max_length", None)) is not None:
            yield f"at most {most} characters"


def _default(info: FieldInfo) -> str:
    if info.default is None or info.default == "":
        return ""
    default = info.default.get_secret_value() if isinstance(info.default, SecretStr) else info.default
    return f"`{_cell(as_text(default))}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def listing(settings: Settings) -> Iterator[str]:
    """Yield the lines of a `.env` that sets what is set now, by group, each setting with its meaning.

    What is not set, and what cannot be shown, is a comment: the lines can be used as they are.
    """
    shown = settings.shown()
    for title, fields in ((group.title, group.model_fields) for group in GROUPS.values()):
        yield f"# {title}"
        for name, info in fields.items():
            variable, value = variable_name(name), shown[variable_name(name)]
            is_hidden = is_secret(info) or value != as_text(settings.values()[name])
            comment = "# " if is_hidden or value == "" else ""
            yield f"{comment}{variable}={value if is_hidden else quoted(value)}"
            yield f"#     {info.description}"
        yield ""


def quoted(value: str) -> str:
    """Return the value as `.env` and a shell take it, in quotes where it needs them.

    Example: `0.5` stays as it is, `a # b` becomes `'a # b'`.
    """
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
