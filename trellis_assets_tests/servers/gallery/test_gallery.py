"""The gallery over a real store, a real server and real model files; its door and its policies."""

import hashlib
import io
import json
import re
from base64 import b64encode
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from PIL import Image

from trellis_assets.adapters.splat_io.ply import read_ply
from trellis_assets.adapters.splat_io.spz import decode_spz, encode_spz
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.composition import Pipeline
from trellis_assets.diagnostics.mining_checks import notice
from trellis_assets.domain.diagnostics import CheckResult, Health
from trellis_assets.domain.generations import StoredFile
from trellis_assets.domain.tasks import Task, TaskKind
from trellis_assets.servers.gallery.model_files import ModelFormat, convert
from trellis_assets.servers.gallery.run import guarded_gallery
from trellis_assets.servers.middleware import ExposureError, check_exposure
from trellis_assets.settings import Settings
from trellis_assets.testing.fakes import NOW, a_validator
from trellis_assets.testing.splats import a_ball
from trellis_assets_tests.ended_tasks import History

Serve = Callable[[Any], str]
TOKEN = "s3cret-of-many-characters"


class ModelHistory(History):
    """Ended tasks with a model that can be drawn."""

    def _file(self, task: Task) -> StoredFile:
        assert self.files is not None
        return self.files.write(task.key, "spz", encode_spz(a_ball(2000)))


@pytest.fixture
def pipeline(tmp_path: Path, files_url: str | None) -> Pipeline:
    return Pipeline(Settings.load(data_dir=tmp_path, files_url=files_url))


@pytest.fixture
def files_url(request: pytest.FixtureRequest) -> str | None:
    return getattr(request, "param", None)


@pytest.fixture
def history(pipeline: Pipeline) -> History:
    store, files = pipeline.store, pipeline.files
    assert isinstance(store, SqlStore)
    store.validators.save([a_validator(1), a_validator(2)], NOW)
    return ModelHistory(store, files)


@pytest.fixture
def client(pipeline: Pipeline, serve: Serve) -> httpx.Client:
    url = serve(guarded_gallery(pipeline.reports.gallery_parts(), host="127.0.0.1", token=None))
    return httpx.Client(base_url=url)


def shown(client: httpx.Client, address: str = "/models") -> str:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_an_empty_gallery_says_so(client: httpx.Client) -> None:
    assert "No model yet" in shown(client)


@pytest.mark.parametrize("files_url", ["memory://models-of-a-gallery"], indirect=True)
def test_models_on_shared_storage_are_shown_and_sent(
    client: httpx.Client, history: History, pipeline: Pipeline, tmp_path: Path
) -> None:
    task = history.answered("a red vase")
    assert not list(tmp_path.rglob("*.spz"))
    page = shown(client, f"/models/{task.key}")
    assert "a red vase" in page
    answer = client.get(f"/models/{task.key}/model.spz")
    assert task.generation is not None
    assert answer.content == pipeline.files.read(task.generation.spz)
    assert client.get(f"/models/{task.key}/preview.webp").headers["content-type"] == "image/webp"


def test_models_come_newest_first_with_their_scores(client: httpx.Client, history: History) -> None:
    for prompt in ("a red vase", "a blue chair"):
        history.answered(prompt, score=0.7, fidelity=0.65)
    history.handed_back("duplicate")
    page = shown(client)
    assert page.index("a blue chair") < page.index("a red vase")
    assert page.count('<a href="/models/') == 2, "a task without a model is not shown"
    assert "local 0.700 / fidelity 0.650" in page


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("text=RED", {"a red vase", "a red chair"}),
        ("text=100%25", {"a 100% wool hat"}),
        ("text=_", set()),
        ("validator=5Validator2", {"a red chair"}),
        ("score=0.8", {"a red chair"}),
        ("day=2026-11-23", {"a red vase", "a red chair", "a 100% wool hat"}),
        ("day=2026-11-22", set()),
        ("text=red&validator=5Validator1&score=&day=", {"a red vase"}),
    ],
)
def test_filters_narrow_what_is_shown(
    client: httpx.Client, history: History, asked: str, found: set[str]
) -> None:
    history.answered("a red vase")
    history.answered("a red chair", fidelity=0.9, validator=a_validator(2))
    history.answered("a 100% wool hat")
    page = shown(client, f"/models?{asked}")
    assert {p for p in ("a red vase", "a red chair", "a 100% wool hat") if p in page} == found


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("score=high", "score: a number from 0 to 1"),
        ("score=nan", "score: a number from 0 to 1"),
        ("day=yesterday", "day: a day like 2026-11-23"),
        ("before=-1", "before: the number of a task"),
        ("text=" + "x" * 201, "at most 200 characters"),
    ],
)
def test_a_filter_that_cannot_be_meant_is_answered_clearly(
    client: httpx.Client, asked: str, message: str
) -> None:
    answer = client.get(f"/models?{asked}")
    assert answer.status_code == 400
    assert message in answer.text


def test_a_full_page_leads_to_older_models_under_the_same_filter(
    client: httpx.Client, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trellis_assets.servers.gallery.model_routes.PAGE", 2)
    for number in range(3):
        history.answered(f"vase & {number}")
    first = shown(client, "/models?text=vase+%26")
    assert "/models?text=vase+%26&amp;before=2" in first
    assert "vase &amp; 0" in shown(client, "/models?text=vase+%26&before=2")


def test_tasks_without_a_model_and_outcomes_can_be_chosen(client: httpx.Client, history: History) -> None:
    history.answered("a red vase")
    history.handed_back("duplicate")
    assert shown(client).count('<a href="/models/') == 1
    everything = shown(client, "/models?tasks=all")
    assert everything.count('<a href="/models/') == 2
    assert "no model" in everything
    assert shown(client, "/models?tasks=all&outcome=handed_back").count('<a href="/models/') == 1
    assert "outcome: one of" in client.get("/models?outcome=lost").text
    without = shown(client, "/models/2")
    assert "This task has no model." in without
    assert "viewer.js" not in without


def test_a_task_leads_to_its_neighbours_and_its_run(client: httpx.Client, history: History) -> None:
    for prompt in ("first", "second", "third"):
        history.answered(prompt)
    page = shown(client, "/models/2")
    assert 'rel="prev" href="/models/1"' in page
    assert 'rel="next" href="/models/3"' in page
    assert 'rel="prev"' not in shown(client, "/models/1")
    assert 'rel="next"' not in shown(client, "/models/3")


def test_pictures_say_what_they_show(client: httpx.Client, history: History) -> None:
    history.answered("a red vase")
    for page in (shown(client), shown(client, "/models/1")):
        assert 'alt="Rendered model of task 1: a red vase"' in page
        assert "no picture" not in page


def test_scripts_are_compressed_and_kept_under_an_address_of_their_content(
    client: httpx.Client, history: History
) -> None:
    history.answered("a ball")
    (address,) = set(re.findall(r'src="(/files/\w+/static/viewer.js)"', shown(client, "/models/1")))
    script = client.get(address)
    assert script.headers["content-encoding"] == "gzip"
    assert "immutable" in script.headers["cache-control"]
    plain = client.get(address, headers={"accept-encoding": "identity"})
    assert (plain.content, "content-encoding" in plain.headers) == (script.content, False)
    spark = address.replace("static/viewer.js", "vendor/spark.module.min.js")
    with client.stream("GET", spark) as sent:
        assert sum(map(len, sent.iter_raw())) < 1_500_000, "of 2.7 MB"


def test_a_ply_of_a_submitted_model_holds_only_finite_numbers(
    client: httpx.Client, pipeline: Pipeline, history: History
) -> None:
    ball = a_ball(100)
    ball.opacity_logits[:50], ball.opacity_logits[50:] = np.inf, -np.inf
    stored = encode_spz(ball)
    splats = read_ply(convert(stored, ModelFormat.PLY))
    assert np.isfinite(splats.opacity_logits).all()
    assert encode_spz(splats) == stored, "it is the same model"


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "{{ 7*7 }} {% raw %}",
    "\u202etxet",
    "line\nbreak",
]


@pytest.mark.parametrize("prompt", HOSTILE)
def test_a_hostile_prompt_is_text(client: httpx.Client, history: History, prompt: str) -> None:
    history.answered(prompt)
    for page in (shown(client), shown(client, "/models/1"), shown(client, f"/models?text={quote(prompt)}")):
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "49" not in re.sub(r'nonce="[^"]*"|[0-9a-f]{16,}', "", page), (
            "no template of the prompt is computed"
        )
        assert "\u202e" not in page.replace(f'value="{prompt}"', "")


def test_a_model_comes_as_submitted_for_viewers_and_as_ply(client: httpx.Client, history: History) -> None:
    task = history.answered("a ball")
    stored = client.get("/models/1/model.spz")
    assert task.generation is not None
    assert len(stored.content) == task.generation.spz.size
    assert stored.content.startswith(b"\x28\xb5\x2f\xfd")
    assert 'filename="task-1.spz"' in stored.headers["content-disposition"]
    view = client.get("/models/1/model.gz.spz").content
    assert view.startswith(b"\x1f\x8b")
    assert len(decode_spz(view)) == len(read_ply(client.get("/models/1/model.ply").content)) == 2000


def test_a_picture_is_drawn_once(client: httpx.Client, history: History, tmp_path: Path) -> None:
    history.answered("a ball")
    picture = client.get("/models/1/preview.webp")
    assert Image.open(io.BytesIO(picture.content)).format == "WEBP"
    assert len(list(tmp_path.rglob("*.webp"))) == 1
    assert client.get("/models/1/preview.webp").content == picture.content


def test_the_picture_of_an_image_task_is_decoded_and_encoded_anew(
    client: httpx.Client, history: History
) -> None:
    file = io.BytesIO()
    Image.new("RGB", (30, 20), "red").save(file, "JPEG")
    history.answered(b64encode(file.getvalue()).decode(), kind=TaskKind.IMAGE)
    history.answered("in words")
    history.answered("bm8gcGljdHVyZQ==", kind=TaskKind.IMAGE)
    picture = Image.open(io.BytesIO(client.get("/models/1/prompt.png").content))
    assert (picture.format, picture.size) == ("PNG", (30, 20))
    assert "/models/1/prompt.png" in shown(client, "/models/1")
    assert client.get("/models/2/prompt.png").status_code == 404
    assert client.get("/models/3/prompt.png").status_code == 404


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"other")])
def test_a_missing_or_changed_file_is_said_and_not_sent(
    client: httpx.Client, history: History, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    task = history.answered("a ball")
    assert task.generation is not None
    damage(tmp_path / task.generation.spz.path)
    for file in ("model.spz", "model.ply", "model.gz.spz", "preview.webp"):
        answer = client.get(f"/models/1/{file}")
        assert answer.status_code == 404
        assert task.generation.spz.path in answer.text
    assert "a ball" in shown(client, "/models/1"), "what is known of it is still there"


@pytest.mark.parametrize(
    "address",
    [
        "/models/7",
        "/models/0",
        "/models/99999999999999999999999",
        "/models/x",
        "/models/1/model.exe",
        "/models/1/model.spz/../../x",
        "/report?name=wages&form=csv",
        "/report?name=tasks&form=exe",
        "/statistics/statistics_20261123T000000_000000.json",
        "/statistics/..%2f..%2ftrellis.db",
        "/static/../app.py",
        "/vendor/%2e%2e/app.py",
    ],
)
def test_what_is_not_there_is_not_found(client: httpx.Client, history: History, address: str) -> None:
    history.answered("a ball")
    assert client.get(address).status_code == 404


def test_reports_are_sent_or_shown_and_wrong_days_are_said(client: httpx.Client, history: History) -> None:
    history.answered("a ball")
    days = "since=2026-11-23&until=2026-11-23"
    csv = client.get(f"/report?name=tasks&form=csv&{days}")
    assert csv.text.count("\n") == 2
    assert 'filename="tasks.csv"' in csv.headers["content-disposition"]
    page = client.get(f"/report?name=rewards&form=html&{days}")
    assert page.headers["content-type"].startswith("text/html")
    assert "content-disposition" not in page.headers
    assert "sandbox" in page.headers["content-security-policy"]
    wrong = client.get("/report?name=rewards&form=html&since=monday")
    assert wrong.status_code == 400
    assert "is not a day" in wrong.text
    assert "<form" in shown(client, "/reports")


def test_exported_statistics_are_sent_as_a_file(client: httpx.Client, pipeline: Pipeline) -> None:
    _, path = pipeline.reports.export_statistics_step().run()
    answer = client.get(f"/statistics/{path.name}")
    assert answer.json()["session_stats"] == json.loads(path.read_text())["session_stats"]
    assert f'filename="{path.name}"' in answer.headers["content-disposition"]


def test_pages_run_only_what_the_server_sent(client: httpx.Client, history: History) -> None:
    history.answered("a ball")
    first, second = (client.get("/models/1").headers["content-security-policy"] for _ in range(2))
    assert "'unsafe-inline'" not in first
    assert "'unsafe-eval'" not in first
    assert first != second, "a nonce is used once"
    assert "https://" not in shown(client, "/models/1"), "nothing is loaded from elsewhere"


def test_the_viewer_s_libraries_are_those_that_the_readme_lists() -> None:
    folder = Path(str(resources.files("trellis_assets.servers.gallery"))) / "vendor"
    text = (folder / "README.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `(\S+)` \|.*`([0-9a-f]{64})` \|$", text, re.MULTILINE))
    found = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}
    del found["README.md"]
    assert found == listed


def test_another_name_for_this_machine_is_refused(client: httpx.Client) -> None:
    assert client.get("/", headers={"host": "evil.example"}).status_code == 421


def test_without_a_token_only_this_machine_is_served() -> None:
    with pytest.raises(ExposureError, match="TRELLIS_SERVER_TOKEN"):
        check_exposure("0.0.0.0", None, "TRELLIS_SERVER_TOKEN")


def test_a_browser_gives_the_token_once(pipeline: Pipeline, serve: Serve) -> None:
    app = guarded_gallery(pipeline.reports.gallery_parts(), host="0.0.0.0", token=TOKEN)
    with httpx.Client(base_url=serve(app)) as browser:
        assert browser.get("/").status_code == 401
        assert browser.get("/health").status_code == 200
        assert browser.post("/enter", data={"token": "guess"}).status_code == 401
        entered = browser.post("/enter", data={"token": TOKEN})
        assert entered.status_code == 303
        cookie = entered.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert TOKEN not in cookie
        assert browser.get("/").status_code == 200
    with httpx.Client(base_url=browser.base_url) as tool:
        assert tool.get("/", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
        assert tool.get("/", headers={"cookie": f"trellis_gallery={TOKEN}"}).status_code == 401


def test_a_paused_miner_is_told_above_the_models(tmp_path: Path, serve: Callable[[Any], str]) -> None:
    told: list[CheckResult] = [CheckResult("mining", Health.OK, "at work: last tick 3 s ago")]
    parts = Pipeline(Settings.load(data_dir=tmp_path)).reports.gallery_parts(notice=lambda: notice(told))
    url = serve(guarded_gallery(parts, host="127.0.0.1", token=None))
    assert "at work" not in httpx.get(f"{url}/models").text
    told[:] = [CheckResult("mining", Health.WARNING, "paused: <the task_sensor> is stopped", "turn it on")]
    assert "paused: &lt;the task_sensor&gt; is stopped (turn it on)" in httpx.get(f"{url}/models").text
