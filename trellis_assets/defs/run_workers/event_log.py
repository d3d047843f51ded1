"""Dagster's SQLite event log, without the tenth of a second that each new run's database takes it."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData

# Beside the runs' folder, whose every `*.db` file Dagster takes for a run. Its name has the version of
# Dagster, since another one may make another schema.
_TEMPLATE = "run-template-{version}.sqlite"


class CopiedSqliteEventLogStorage(SqliteEventLogStorage):
    """A run's database begins as a copy of an empty one, instead of by migrations that find nothing to do.

    Everything else is Dagster's: the files are the same, and its own class reads them.
    """

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """By Dagster."""
        return cls(inst_data=inst_data, **config_value)

    def _initdb(self, engine: Any, for_index_shard: bool = False) -> None:  # noqa: FBT001, FBT002
        path = Path(str(engine.url.database))
        if for_index_shard or path.stem == "index":
            super()._initdb(engine, for_index_shard)
        elif not path.exists() or path.stat().st_size == 0:
            _place_copy(self._template(), path)

    def _template(self) -> Path:
        """An empty run database as Dagster makes it; made once."""
        import dagster as dg

        folder = Path(self._base_dir).parent
        template = folder / _TEMPLATE.format(version=dg.__version__)
        if not template.exists():
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                made = SqliteEventLogStorage(scratch)
                made.get_logs_for_run("made")
                Path(made.path_for_shard("made")).replace(template)
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
