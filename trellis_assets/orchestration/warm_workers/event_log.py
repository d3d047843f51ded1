"""Dagster's SQLite event log, in which a run writes its events in half the time.

SQLite itself is quick. Dagster creates each run's database by migrations that find nothing to do, compiles
the statement of each event anew, and closes a write-ahead log after each.
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

# Beside the folder of the runs, where Dagster would take any `*.db` file for a run. Its name has Dagster's
# version, since another version may have another schema.
_TEMPLATE = "run-template-{version}.sqlite"
_INDEX = dagsters.INDEX_SHARD_NAME
# Engines that are cached: the index, the run of this process, and a few that the UI shows.
_ENGINES = 8


class CopiedSqliteEventLogStorage(SqliteEventLogStorage):
    """Copies an empty database for each run, and uses a rollback journal instead of a write-ahead log.

    One process writes a run's database and closes it after each event, so that the UI sees each at once. The
    files have Dagster's own schema: its own class reads them.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Any] = OrderedDict()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Return an instance; Dagster calls it with what `dagster.yaml` says."""
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
                    # As safe with a rollback journal, but that a power cut may lose a run's log.
                    connection.exec_driver_sql("PRAGMA synchronous=NORMAL")
                    connection.commit()
                with connection.begin():
                    yield connection

    def _engine(self, shard: str) -> Any:
        """Return the shard's engine, which caches compiled statements and no connection."""
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
        """Return the path of an empty run database as Dagster makes it; it is made once."""
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
    """Put a whole copy at the path, unless another process has done so already.

    File systems without hard links (exFAT, some network shares) get it by a rename.
    """
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
    except OSError:
        if not path.exists():
            scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
