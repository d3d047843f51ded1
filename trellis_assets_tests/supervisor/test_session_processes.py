"""The order in which a session opens Dagster's home and starts the processes that open it too."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from trellis_assets.composition import Pipeline
from trellis_assets.settings import Settings
from trellis_assets.supervisor import session_processes
from trellis_assets.supervisor.session_processes import SessionProcesses


class StartedError(Exception):
    """A child would have been started."""


def test_a_new_dagster_home_is_created_before_any_child_can_open_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes that create its databases together leave two versions in them."""
    settings = Settings.load(env_file=None, data_dir=tmp_path)
    history = tmp_path / "dagster" / "storage" / "history" / "runs.db"
    found: list[bool] = []

    def start(*_: object, **__: object) -> None:
        found.append(history.exists())
        raise StartedError

    for name in ("_start_local_subnet", "_start_run_workers", "_start_code_server"):
        monkeypatch.setattr(SessionProcesses, name, start)
    for name in ("become_subreaper", "kill_descendants"):
        monkeypatch.setattr(session_processes, name, lambda: None)
    pipeline = Pipeline(settings)
    with ExitStack() as stack:
        processes = SessionProcesses(settings, pipeline.store, None, stack, lambda _: None)
        with pytest.raises(StartedError):
            processes.start()
    assert found == [True]
