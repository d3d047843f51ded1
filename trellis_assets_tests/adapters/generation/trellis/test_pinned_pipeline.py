"""A pipeline's own files, those it names in other repositories and its text model, each at a known commit."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from trellis_assets.adapters.generation.trellis.pinned_pipeline import pinned_pipeline
from trellis_assets.adapters.weights.revisions import Revisions
from trellis_assets.testing.hub_server import Hub
from trellis_assets_tests.adapters.weights.conftest import hub

__all__ = ["hub"]

TEXT, IMAGE, CLIP = "microsoft/TRELLIS-text-xlarge", "someone/image", "openai/clip"
CONFIG = {
    "name": "TrellisTextTo3DPipeline",
    "args": {
        "models": {"flow": "ckpts/flow", "decoder": f"{IMAGE}/ckpts/decoder"},
        "slat_normalization": {"mean": [0.5]},
        "text_cond_model": CLIP,
    },
}


def model(name: str, content: str) -> dict[str, bytes]:
    return {f"ckpts/{name}.json": b"{}", f"ckpts/{name}.safetensors": content.encode()}


def push(hub: Hub, content: str) -> None:
    hub.push(TEXT, {"pipeline.json": json.dumps(CONFIG).encode()} | model("flow", f"flow {content}"))
    hub.push(IMAGE, model("decoder", f"decoder {content}"))
    hub.push(CLIP, {"config.json": b"{}", "model.safetensors": f"clip {content}".encode()})


def read(folder: Path) -> Mapping[str, Any]:
    """Return what TRELLIS would load, from paths alone."""
    config = json.loads((folder / "pipeline.json").read_text())["args"]
    for path in config["models"].values():
        assert Path(f"{path}.json").is_file()
    loaded = {key: Path(f"{path}.safetensors").read_text() for key, path in config["models"].items()}
    loaded["clip"] = (Path(config["text_cond_model"]) / "model.safetensors").read_text()
    assert config["slat_normalization"] == {"mean": [0.5]}
    return loaded


def test_all_repositories_of_a_pipeline_stay_at_the_commits_of_its_first_load(
    hub: Hub, tmp_path: Path
) -> None:
    revisions = Revisions(tmp_path / "revisions.json")
    push(hub, "1")
    expected = {"flow": "flow 1", "decoder": "decoder 1", "clip": "clip 1"}
    with pinned_pipeline(TEXT, None, revisions) as folder:
        assert read(folder) == expected
    push(hub, "2")
    with pinned_pipeline(TEXT, None, revisions) as folder:
        assert read(folder) == expected
    assert set(json.loads((tmp_path / "revisions.json").read_text())) == {TEXT, IMAGE, CLIP}


def test_named_commit_of_the_pipeline_is_taken_and_files_of_others_stay(hub: Hub, tmp_path: Path) -> None:
    revisions = Revisions(tmp_path / "revisions.json")
    push(hub, "1")
    with pinned_pipeline(TEXT, None, revisions):
        pass
    push(hub, "2")
    newest = hub.repositories[TEXT].refs["main"]
    with pinned_pipeline(TEXT, newest, revisions) as folder:
        assert read(folder) == {"flow": "flow 2", "decoder": "decoder 1", "clip": "clip 1"}


def test_pipeline_in_a_folder_takes_its_own_files_and_pins_those_of_others(hub: Hub, tmp_path: Path) -> None:
    push(hub, "1")
    own = tmp_path / "pipeline"
    for name, content in (model("flow", "flow of the folder") | {"pipeline.json": b""}).items():
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).write_bytes(content)
    (own / "pipeline.json").write_text(json.dumps(CONFIG))
    with pinned_pipeline(str(own), None, Revisions(tmp_path / "revisions.json")) as folder:
        assert read(folder) == {"flow": "flow of the folder", "decoder": "decoder 1", "clip": "clip 1"}
    assert not any(TEXT in request for request in hub.requests)


def test_downloaded_pipeline_loads_without_a_hub(hub: Hub, tmp_path: Path) -> None:
    revisions = Revisions(tmp_path / "revisions.json")
    push(hub, "1")
    with pinned_pipeline(TEXT, None, revisions) as folder:
        expected = read(folder)
    hub.repositories.clear()
    with pinned_pipeline(TEXT, None, revisions) as folder:
        assert read(folder) == expected


def test_configuration_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pipeline.json").write_text('{"args": []}')
    with (
        pytest.raises(ValueError, match="does not describe a TRELLIS pipeline"),
        pinned_pipeline(str(tmp_path), None, Revisions(None)),
    ):
        pass
