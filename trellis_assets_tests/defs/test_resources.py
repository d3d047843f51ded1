"""Dagster evaluates sensors in several threads: all of them work with the pipeline of the process."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from trellis_assets.composition import Pipeline
from trellis_assets.defs import resources
from trellis_assets.defs.resources import ReportsResource, SubnetResource
from trellis_assets.settings import Settings
from trellis_assets.system.once import once


def test_sensors_that_tick_at_once_share_one_pipeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each tick has a poller of its own, and one that is forgotten goes on polling."""
    made: list[Pipeline] = []

    def slowly(settings: Settings) -> Pipeline:
        time.sleep(0.1)
        made.append(Pipeline(settings))
        return made[-1]

    monkeypatch.setenv("TRELLIS_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(resources, "Pipeline", slowly)
    monkeypatch.setattr(resources, "_pipeline", once(resources._pipeline.__wrapped__))  # type: ignore[attr-defined]
    both = threading.Barrier(2)

    def tick(resource: SubnetResource | ReportsResource) -> object:
        both.wait(30)
        return resource.get()

    with ThreadPoolExecutor(2) as pool:
        first, _ = pool.map(tick, (SubnetResource(), ReportsResource()))
    assert len(made) == 1
    assert SubnetResource().get() is first
