"""Fixtures that several folders share: a real store and real files in a temporary folder."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from trellis_assets.adapters.splat_io.codec import BytesCodec
from trellis_assets.adapters.storage.files import LocalFileStore
from trellis_assets.adapters.storage.store import SqlTaskStore, open_store
from trellis_assets.settings import Settings
from trellis_assets_tests.fakes import FakeClock


@pytest.fixture(autouse=True)
def _settings_of_this_machine_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"TRELLIS_{name.upper()}", raising=False)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlTaskStore]:
    opened = open_store(f"sqlite:///{tmp_path / 'trellis.db'}")
    yield opened
    opened.close()


@pytest.fixture
def files(tmp_path: Path) -> LocalFileStore:
    return LocalFileStore(tmp_path / "files")


@pytest.fixture
def codec() -> BytesCodec:
    return BytesCodec()


@pytest.fixture
def samples() -> Path:
    """The folder of real data."""
    folder = os.environ.get("TRELLIS_SAMPLES")
    if not folder:
        pytest.skip("TRELLIS_SAMPLES is not set: it names the folder of real prompts and models")
    return Path(folder)
