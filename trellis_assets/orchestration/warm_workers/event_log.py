"""Dagster's SQLite event log, at half the time that it takes a run to write its events.

What takes the time is not SQLite: each new run's database is made by migrations that find nothing to
do, each event compiles its statement anew, and each closes a write-ahead log.
"""

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import dagster as dg
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite import sqlite_event_log as dagsters
from dagster._core.storage.sql import create_engine
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData

# Beside the runs' folder, whose every `*.db` file Dagster takes for a run. Its name has the version of
# Dagster, since another one may make another schema.
_TEMPLATE = "run-template-{version}.sqlite"
_INDEX = dagsters.INDEX_SHARD_NAME
# Engines that are kept: the index, the run of this process, and a few that somebody looks at.
_ENGINES = 8


class CopiedSqliteEventLogStorage(SqliteEventLogStorage):
    """A run's database begins as a copy of an empty one, without write-ahead log.

    One process writes it, event by event, and closes it after each, so that the UI sees each at once.
    The files are Dagster's: its own class reads them.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Any] = OrderedDict()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """By Dagster."""
        return cls(inst_data=inst_data, **config_value)

    @contextlib.contextmanager
    def _connect(self, shard: str) -> Iterator[Any]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection:
                if shard != _INDEX:
                    # A rollback journal is as safe with it; what a power cut could cost is a run's log.
                    connection.exec_driver_sql("PRAGMA synchronous=NORMAL")
                    connection.commit()
                with connection.begin():
                    yield connection

    def _engine(self, shard: str) -> Any:
        """The shard's engine: it remembers compiled statements, and no connection."""
        engine = self._engines.pop(shard, None)
        if engine is None:
            engine = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=dagsters.NullPool,  # type: ignore[attr-defined]
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
            )
        self._engines[shard] = engine
        while len(self._engines) > _ENGINES:
            self._engines.popitem(last=False)[1].dispose()
        return engine

    def _initdb(self, engine: Any, for_index_shard: bool = False) -> None:  # noqa: FBT001, FBT002
        path = Path(str(engine.url.database))
        if for_index_shard or path.stem == _INDEX:
            super()._initdb(engine, for_index_shard)
        elif not path.exists() or path.stat().st_size == 0:
            _place_copy(self._template(), path)

    def _template(self) -> Path:
        """An empty run database as Dagster makes it; made once."""
        folder = Path(self._base_dir).parent
        template = folder / _TEMPLATE.format(version=dg.__version__)
        if not template.exists():
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                made = SqliteEventLogStorage(scratch)
                made.get_logs_for_run("made")
                path = Path(made.path_for_shard("made"))
                with contextlib.closing(sqlite3.connect(path)) as connection:
                    connection.execute("PRAGMA journal_mode=DELETE")
                path.replace(template)
        return template


def _place_copy(template: Path, path: Path) -> None:
    """The copy is there as a whole, or somebody else's is."""
    handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
    os.close(handle)
    scratch = Path(name)
    try:
        shutil.copyfile(template, scratch)
        if path.exists() and path.stat().st_size == 0:
            path.unlink()
        os.link(scratch, path)
    except FileExistsError:
        pass
    finally:
        scratch.unlink()
