"""Code and weights that a library takes by torch.hub are pinned; the real torch.hub loads them."""

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from trellis_assets.adapters.weights.revisions import PINNED_CODE, ChangedFileError, Revisions
from trellis_assets.adapters.weights.torch_hub import UnpinnedCodeError, pinned_torch_hub

REPOSITORY = "facebookresearch/dinov2"
COMMIT = PINNED_CODE[REPOSITORY]
HUBCONF = """
import torch
def small(pretrained):
    assert pretrained
    return torch.hub.load_state_dict_from_url("{url}", map_location="cpu")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    before = torch.hub.get_dir()
    torch.hub.set_dir(tmp_path / "torch-hub")
    yield tmp_path / "torch-hub"
    torch.hub.set_dir(before)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "published" / "small.pth"
    path.parent.mkdir()
    torch.save({"weight": torch.ones(2)}, path)
    return path


def code_at(folder: Path, ref: str, url: str) -> None:
    """Put code where torch.hub keeps what it downloaded."""
    place = folder / f"{REPOSITORY.replace('/', '_')}_{ref}"
    place.mkdir(parents=True)
    (place / "hubconf.py").write_text(HUBCONF.format(url=url))


def load() -> Any:
    """As TRELLIS's image pipeline calls it."""
    return torch.hub.load(REPOSITORY, "small", pretrained=True)


def test_code_comes_from_its_pinned_commit_and_not_from_the_newest(
    folder: Path, weights: Path, tmp_path: Path
) -> None:
    code_at(folder, COMMIT, weights.as_uri())
    code_at(folder, "main", "file:///never")
    with pinned_torch_hub(Revisions(tmp_path / "revisions.json")):
        assert load()["weight"].tolist() == [1, 1]


def test_code_is_downloaded_by_its_commit(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def download(url: str, path: str, *_: object, **__: object) -> None:
        asked.append(url)
        raise OSError("no network in a test")

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    with pytest.raises(OSError, match="no network"), pinned_torch_hub(Revisions(tmp_path / "revisions.json")):
        load()
    assert asked == [f"https://github.com/{REPOSITORY}/zipball/{COMMIT}"]


def test_weights_that_change_under_their_url_are_refused(folder: Path, weights: Path, tmp_path: Path) -> None:
    code_at(folder, COMMIT, weights.as_uri())
    revisions = Revisions(tmp_path / "revisions.json")
    with pinned_torch_hub(revisions):
        load()
    (folder / "checkpoints" / "small.pth").unlink()
    torch.save({"weight": torch.zeros(2)}, weights)
    with (
        pinned_torch_hub(revisions),
        pytest.raises(ChangedFileError, match="is not what its first"),
    ):
        load()


class Attack:
    """Runs code when it is read as a pickle."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.proof,))


def test_pickle_under_the_name_of_weights_does_not_run(folder: Path, weights: Path, tmp_path: Path) -> None:
    code_at(folder, COMMIT, weights.as_uri())
    torch.save(Attack(tmp_path / "ran"), weights)
    with pinned_torch_hub(Revisions(tmp_path / "revisions.json")), pytest.raises(pickle.UnpicklingError):
        load()
    assert not (tmp_path / "ran").exists()


def test_code_of_another_repository_is_not_run_and_torch_is_itself_again_afterwards(
    folder: Path, tmp_path: Path
) -> None:
    before = torch.hub.load
    with (
        pytest.raises(UnpinnedCodeError, match="someone/net"),
        pinned_torch_hub(Revisions(tmp_path / "revisions.json")),
    ):
        torch.hub.load("someone/net", "small")
    assert torch.hub.load is before
