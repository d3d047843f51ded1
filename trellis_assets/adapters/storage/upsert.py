"""Statements in each database's dialect: INSERT that knows conflicts, and lists of bounded length."""

from collections.abc import Iterable
from typing import Any, TypeVar

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

T = TypeVar("T")
_CHUNK = 500


def insert(session: Session, table: Any) -> Any:
    """Return an INSERT into the table that can say what to do on a conflict."""
    dialect = postgresql if is_postgresql(session) else sqlite
    return dialect.insert(table)


def insert_ignoring_conflict(session: Session, table: Any, values: dict[str, Any]) -> bool:
    """Insert the row unless its key is taken; return whether it was inserted."""
    statement = insert(session, table).values(**values).on_conflict_do_nothing()
    # Not by `rowcount`: where the key is made by a sequence, psycopg says -1.
    written = session.execute(statement.returning(*table.__table__.primary_key.columns))
    return written.first() is not None


def is_postgresql(session: Session) -> bool:
    """Return whether the database locks single rows rather than the whole database."""
    return session.get_bind().dialect.name == "postgresql"


def chunks(items: Iterable[T]) -> Iterable[list[T]]:
    """Split the items into lists short enough for one statement: databases bound how many values it takes."""
    listed = list(items)
    return (listed[start : start + _CHUNK] for start in range(0, len(listed), _CHUNK))
