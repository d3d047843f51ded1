"""A task's page shows all its candidates with scores, and why one went; text of peers is escaped."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from trellis_assets.adapters.splat_io.spz import encode_spz
from trellis_assets.composition import Pipeline
from trellis_assets.defs.metadata import candidates_metadata
from trellis_assets.domain.candidates import StoredDecision
from trellis_assets.domain.tasks import Task
from trellis_assets.servers.gallery.app import gallery_app
from trellis_assets.settings import Settings
from trellis_assets.testing.fakes import MINER, NOW, a_candidate, a_pulled_task, a_validator, a_verdict
from trellis_assets.testing.splats import a_ball


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return Pipeline(Settings.load(data_dir=tmp_path))


@pytest.fixture
def task(pipeline: Pipeline) -> Task:
    """A task with two candidates that can be drawn, one that collapsed, one made while idle."""
    store = pipeline.store
    task = store.arrivals.record(
        a_pulled_task("a", "a red vase"),
        validator=a_validator(1),
        miner_hotkey=MINER,
        now=NOW,
        session_id=None,
    ).task
    files = [
        pipeline.files.write(task.key, "spz", encode_spz(a_ball(2000 + 100 * number))) for number in range(3)
    ]
    first = replace(a_candidate(task.key), spz=files[0], verdict=a_verdict(0.41))
    for made in (
        first,
        replace(first, number=1, spz=files[1], recipe="strict", verdict=a_verdict(0.82), is_chosen=True),
        replace(first, number=2, spz=None, verdict=None, problem="<b>collapsed</b>"),
        replace(first, spz=files[2], verdict=a_verdict(0.66), is_idle=True),
    ):
        store.candidates.record(made)
    store.decisions.record(StoredDecision(task.key, NOW, "learned", "generate", "one more pays"))
    store.decisions.record(
        StoredDecision(task.key, NOW, "learned", "submit", "<script>alert(1)</script>", candidate=1)
    )
    return task


@pytest.fixture
def client(pipeline: Pipeline, serve: Callable[[Any], str]) -> httpx.Client:
    url = serve(gallery_app(pipeline.reports.gallery_parts()))
    # The first picture compiles the renderer.
    return httpx.Client(base_url=url, timeout=60)


def test_a_tasks_page_shows_each_candidate_with_its_score_and_why_one_went(
    client: httpx.Client, task: Task
) -> None:
    page = client.get(f"/models/{task.key}").text
    for said in (
        "candidate 0 by usual",
        "score 0.4100, not chosen",
        "candidate 1 by strict",
        "score 0.8200, chosen",
        "score 0.6600, made while idle",
        "learned: generate, since one more pays",
    ):
        assert said in page
    assert "<script>alert" not in page
    assert "<b>collapsed" not in page
    assert page.count('class="chosen"') == 1


def test_candidates_are_drawn_each_from_its_own_file(client: httpx.Client, task: Task) -> None:
    base = f"/models/{task.key}/candidates"
    pictures = [client.get(f"{base}/{name}.webp") for name in ("0", "1", "idle-0")]
    assert [answer.status_code for answer in pictures] == [200, 200, 200]
    assert Image.open(io.BytesIO(pictures[0].content)).format == "WEBP"
    assert len({answer.content for answer in pictures}) == 3
    for name in ("2", "3", "idle-1", "x", "..%2f0"):
        assert client.get(f"{base}/{name}.webp").status_code == 404
    assert client.get("/models/99/candidates/0.webp").status_code == 404


def test_a_runs_page_shows_the_tasks_candidates_side_by_side(pipeline: Pipeline, task: Task) -> None:
    shown = pipeline.mining.show_candidates_step().run(task)
    assert shown is not None
    assert shown.drawn == [0, 1], "the third has no file, and idle ones are not the task's"
    assert shown.picture is not None
    width, height = Image.open(io.BytesIO(shown.picture)).size
    assert width == 2 * height
    metadata = candidates_metadata(shown)
    assert "score 0.8200, chosen" in str(metadata["candidate_scores"].value)
    assert str(metadata["decisions"].value).splitlines()[0] == "1. learned: generate, since one more pays"
    assert "candidates 0, 1" in str(metadata["candidates"].value)


def test_a_task_without_candidates_shows_none(pipeline: Pipeline) -> None:
    task = pipeline.store.arrivals.record(
        a_pulled_task("b"), validator=a_validator(1), miner_hotkey=MINER, now=NOW, session_id=None
    ).task
    shown = pipeline.mining.show_candidates_step().run(task)
    assert shown is None
    assert candidates_metadata(shown) == {}
