"""Small networks of the real classes, saved once; tests skip where their libraries are not installed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Saved = Callable[[str], Path]
WHY = "diffusers and transformers are not installed here: pip install 'trellis-assets[picture]'"


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """Return the folder of a network by the name of the function that saves it, each made once."""
    pytest.importorskip("diffusers", reason=WHY)
    pytest.importorskip("transformers", reason=WHY)
    from trellis_assets_tests.adapters.generation.picture import small_networks

    folders: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in folders:
            folders[name] = getattr(small_networks, f"save_{name}")(tmp_path_factory.mktemp(name))
        return folders[name]

    return folder


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Networks this small are slower on several threads, and much slower where other tests run too."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
