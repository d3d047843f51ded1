"""Migrations on both databases: from nothing, and from every earlier version with rows in every table."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from trellis_assets.adapters.storage.engine import parse_url
from trellis_assets.adapters.storage.models import Base, EventCountRow
from trellis_assets.adapters.storage.schema_upgrade import HEAD, MIGRATIONS
from trellis_assets.adapters.storage.store import SqlStore, open_store
from trellis_assets.domain.submissions import SubmissionKind
from trellis_assets.domain.tasks import TaskState
from trellis_assets.ports import StoreError

REVISIONS = sorted(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
VALUES: dict[type, Any] = {
    int: 7,
    float: 0.5,
    bool: True,
    object: {"iqa": 0.5},  # a JSON column, as reflected
    datetime: datetime(2026, 11, 1, 12, tzinfo=UTC),
}
TEXTS = {"state": "accepted", "kind": "text", "submission_kind": str(SubmissionKind.RESULT)}


@pytest.fixture
def raw(empty_database_url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(parse_url(empty_database_url))
    yield engine
    engine.dispose()


def migrate_to(engine: sa.Engine, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def fill(engine: sa.Engine) -> dict[str, int]:
    """Insert a row into every table of this version, and return how many there are."""
    tables = sa.MetaData()
    tables.reflect(engine)
    ours = [table for name, table in tables.tables.items() if name != "alembic_version"]
    with engine.begin() as connection:
        for table in ours:
            row = {}
            for column in table.columns:
                python_type = column.type.python_type
                row[column.name] = TEXTS.get(column.name, "x") if python_type is str else VALUES[python_type]
            connection.execute(table.insert().values(row))
    return counted(engine, [table.name for table in ours])


def counted(engine: sa.Engine, tables: Iterable[str]) -> dict[str, int]:
    count = sa.select(sa.func.count())
    with engine.connect() as connection:
        return {name: connection.scalar(count.select_from(sa.table(name))) or 0 for name in tables}


def differences(store: SqlStore) -> list[Any]:
    with store.engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), Base.metadata))


def test_migrations_are_one_chain_that_ends_at_the_version_that_opening_expects() -> None:
    script = ScriptDirectory(str(MIGRATIONS))
    assert script.get_heads() == [HEAD]
    assert [revision.revision for revision in script.walk_revisions()] == REVISIONS[::-1]


def test_models_and_migrations_agree(store: SqlStore) -> None:
    assert differences(store) == []


@pytest.mark.parametrize("revision", REVISIONS)
def test_an_earlier_store_is_migrated_with_all_its_rows(
    raw: sa.Engine, empty_database_url: str, revision: str
) -> None:
    migrate_to(raw, revision)
    before = fill(raw)
    store = open_store(empty_database_url)
    assert counted(store.engine, before) == before
    task = store.tasks.get(7)
    assert (task.state, task.prompt, task.pulled_at) == (TaskState.ACCEPTED, "x", VALUES[datetime])
    assert differences(store) == []
    store.close()


def test_tasks_of_a_store_without_counts_are_counted_once(raw: sa.Engine, empty_database_url: str) -> None:
    migrate_to(raw, "0014")
    fill(raw)  # one accepted task, and seven of each outcome in the archive
    store = open_store(empty_database_url)
    with store.transactions.reading() as session:
        found = {(row.event, row.detail): row.total for row in session.scalars(sa.select(EventCountRow))}
    store.close()
    assert (found["pulled", ""], found["settled", "accepted"], found["settled", "kept"]) == (8, 8, 7)


def test_dagsters_own_database_is_not_taken_for_a_store(raw: sa.Engine, empty_database_url: str) -> None:
    with raw.begin() as connection:
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        connection.execute(sa.text("INSERT INTO alembic_version VALUES ('16e3655b4d9b')"))
        connection.execute(sa.text("CREATE TABLE event_logs (id INTEGER)"))
    with pytest.raises(StoreError, match=r"Dagster's database.*TRELLIS_DATABASE_URL"):
        open_store(empty_database_url)
