"""Column types that recur, named once."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from sqlalchemy import JSON, DateTime, Dialect, Double, String, Text
from sqlalchemy.orm import mapped_column
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """Stores UTC and returns aware datetimes: SQLite forgets zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return UTC; raise for a naive datetime, which is a mistake of ours."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored: give it a zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """Read SQLite's text in one step: hundreds of times are read whenever due polls are looked for."""
        return _utc_of_text if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


def _utc_of_text(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text + "+00:00")


class Words(TypeDecorator[str]):
    """Store text for people: replace what a database cannot store of it, and cut what is too long.

    Prompts are not such text: one that cannot be stored is refused when it comes.
    """

    impl: Any = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return text without NUL and half surrogate pairs, which PostgreSQL refuses, cut to its length."""
        if value is None:
            return None
        whole = value.encode("utf-8", "replace").decode("utf-8").replace("\0", "?")
        return whole[: self.longest]

    @property
    def longest(self) -> int | None:
        """Return the characters that there is room for; None: any number."""
        return getattr(self.impl_instance, "length", None)


class ShortWords(Words):
    """Words of a bounded length."""

    impl = String
    cache_ok = True


class Number(TypeDecorator[float]):
    """Store NaN as NULL: SQLite does so by itself, and a sum over NaN is NaN."""

    impl = Double
    cache_ok = True
    python_type = float

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:  # noqa: ARG002
        """Return None for NaN."""
        return None if value is None or math.isnan(value) else value


Hotkey = Annotated[str, mapped_column(String(64))]
Sha256 = Annotated[str, mapped_column(String(64))]
ShortText = Annotated[str, mapped_column(ShortWords(200))]

TYPE_MAP: dict[Any, Any] = {
    datetime: UtcDateTime,
    float: Number,
    dict[str, Any]: JSON,
    list[str]: JSON,
    list[float]: JSON,
    list[list[float]]: JSON,
    dict[str, list[float]]: JSON,
}
