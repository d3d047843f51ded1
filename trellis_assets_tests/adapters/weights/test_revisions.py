"""Which commit weights are loaded from: named, pinned, or recorded at the first download."""

import json
import logging
from pathlib import Path

import pytest

from trellis_assets.adapters.weights.hub import fetch_file, fetch_transformers_model, loadable
from trellis_assets.adapters.weights.revisions import PINNED, ChangedFileError, Revisions
from trellis_assets.testing.hub_server import Hub

MODEL = "someone/model"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "weight_revisions.json"


def test_repository_that_changes_later_is_loaded_at_the_commit_of_the_first_download(
    hub: Hub, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = hub.push(MODEL, {"weights.safetensors": b"first"})
    with caplog.at_level(logging.WARNING):
        commit = Revisions(file).commit(MODEL)
    assert commit == first
    assert f"{MODEL} is not pinned: {first} is used from now on, recorded in {file}" in caplog.messages
    hub.push(MODEL, {"weights.safetensors": b"second"})
    # Another process, for example after a restart.
    commit = Revisions(file).commit(MODEL)
    assert commit == first
    assert fetch_file(MODEL, "weights.safetensors", commit).read_bytes() == b"first"


def test_recorded_commit_and_downloaded_file_need_no_hub(hub: Hub, file: Path) -> None:
    hub.push(MODEL, {"weights.safetensors": b"first"})
    fetch_file(MODEL, "weights.safetensors", Revisions(file).commit(MODEL))
    asked = len(hub.requests)
    assert fetch_file(MODEL, "weights.safetensors", Revisions(file).commit(MODEL)).read_bytes() == b"first"
    assert len(hub.requests) == asked


def test_tag_is_resolved_once_and_a_tag_that_moves_changes_nothing(hub: Hub, file: Path) -> None:
    first = hub.push(MODEL, {"a": b"1"})
    repository = hub.repositories[MODEL]
    repository.refs["v1"] = first
    assert Revisions(file).commit(MODEL, "v1") == first
    repository.refs["v1"] = second = hub.push(MODEL, {"a": b"2"})
    assert Revisions(file).commit(MODEL, "v1") == first
    # The newest is another question, and has not been recorded yet.
    assert Revisions(file).commit(MODEL) == second


def test_named_commit_goes_before_the_pinned_one_and_neither_asks_the_hub(hub: Hub, file: Path) -> None:
    image = "microsoft/TRELLIS-image-large"
    assert Revisions(file).commit(image) == PINNED[image]
    assert Revisions(file).commit(image, "a" * 40) == "a" * 40
    assert hub.requests == []
    assert not file.exists()


def test_commits_that_an_older_version_recorded_are_kept(hub: Hub, file: Path) -> None:
    file.parent.mkdir()
    file.write_text(json.dumps({MODEL: "b" * 40}))
    assert Revisions(file).commit(MODEL) == "b" * 40
    assert hub.requests == []


def test_repository_that_is_not_there_is_an_error_and_records_nothing(hub: Hub, file: Path) -> None:
    with pytest.raises(OSError, match="404"):
        Revisions(file).commit("nobody/nothing")
    assert not file.exists()


def test_file_of_revisions_that_is_no_json_object_is_refused(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("[]")
    with pytest.raises(ValueError, match="delete it"):
        Revisions(file).commit(MODEL)


def test_file_with_other_bytes_than_the_first_download_is_refused(tmp_path: Path, file: Path) -> None:
    weights, url = tmp_path / "net.pth", "https://example.org/net.pth"
    weights.write_bytes(b"first")
    Revisions(file).check_file(url, weights)
    Revisions(file).check_file(url, weights)
    weights.write_bytes(b"second")
    with pytest.raises(ChangedFileError, match=r"net\.pth is not what .* to download it again"):
        Revisions(file).check_file(url, weights)


def test_transformers_model_is_fetched_without_pickles_and_code(hub: Hub) -> None:
    files = {"config.json": b"{}", "model.safetensors": b"", "merges.txt": b"", "vocab.json": b"{}"}
    commit = hub.push(MODEL, files | {"pytorch_model.bin": b"pickle", "modeling.py": b"code"})
    folder = fetch_transformers_model(MODEL, commit)
    assert {path.name for path in folder.iterdir()} == set(files)


def test_folder_is_loaded_as_it_is_and_a_repository_at_its_commit(
    hub: Hub, file: Path, tmp_path: Path
) -> None:
    commit = hub.push(MODEL, {"config.json": b"{}"})
    assert loadable(str(tmp_path), "ignored", Revisions(file)) == (str(tmp_path), None)
    assert loadable(MODEL, None, Revisions(file)) == (MODEL, commit)
