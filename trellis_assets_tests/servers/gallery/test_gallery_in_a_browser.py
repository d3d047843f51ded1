"""The gallery as people use it: a real Chromium finds a model, turns it in 3D and downloads it."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from trellis_assets.adapters.splat_io.ply import read_ply
from trellis_assets.adapters.splat_io.spz import encode_spz
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.composition import Pipeline
from trellis_assets.domain.diagnostics import CheckResult, Health
from trellis_assets.domain.generations import StoredFile
from trellis_assets.domain.tasks import Task
from trellis_assets.servers.gallery.run import guarded_gallery
from trellis_assets.settings import Settings
from trellis_assets.testing.fakes import NOW, a_validator
from trellis_assets.testing.splats import a_ball
from trellis_assets.testing.waiting import wait_until
from trellis_assets_tests.ended_tasks import History

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]
# WebGL without a GPU.
_ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


class BallHistory(History):
    """Ended tasks whose model is a ball of many colours."""

    def _file(self, task: Task) -> StoredFile:
        if self.files is None:
            return super()._file(task)
        return self.files.write(task.key, "spz", encode_spz(a_ball(8000)))


@pytest.fixture
def address(tmp_path: Path, serve: Callable[[Any], str]) -> str:
    pipeline = Pipeline(Settings.load(data_dir=tmp_path))
    store: Any = pipeline.store
    files: Any = pipeline.files
    store.validators.save([a_validator(1), a_validator(2)], NOW)
    history = BallHistory(store, files)
    history.answered("a ball of <b>many</b> colours")
    history.answered("another ball", validator=a_validator(2))
    return serve(guarded_gallery(pipeline.reports.gallery_parts(), host="127.0.0.1", token=None))


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        opened = browser.new_page(viewport={"width": 900, "height": 900}, reduced_motion="reduce")
        problems: list[str] = []
        opened.on("pageerror", lambda error: problems.append(str(error)))
        asked: set[str] = set()
        opened.on("request", lambda request: asked.add(urlsplit(request.url).hostname or "itself"))
        yield opened
        browser.close()
        assert problems == []
        assert asked <= {"127.0.0.1", "itself"}, "nothing is loaded from elsewhere"


def colourful(screenshot: Path) -> float:
    """Share of pixels that are neither white nor grey."""
    pixels = np.asarray(Image.open(screenshot).convert("RGB")).astype(int)
    return float((pixels.max(axis=2) - pixels.min(axis=2) > 40).mean())


def test_a_model_is_found_turned_and_downloaded(page: Page, address: str, tmp_path: Path) -> None:
    page.goto(f"{address}/models")
    assert page.locator(".grid li").count() == 2
    page.get_by_label("Validator").select_option(label="uid 1")
    page.get_by_role("button", name="Show").click()
    page.locator(".grid li").nth(0).wait_for()
    assert page.locator(".grid li").count() == 1

    page.get_by_text("a ball of <b>many</b> colours").click()
    page.locator("#status").filter(has_text="8,000 splats").wait_for(timeout=60_000)
    viewer = page.locator("#viewer")
    page.wait_for_timeout(1500)
    before, after = tmp_path / "before.png", tmp_path / "after.png"
    viewer.screenshot(path=before)
    assert colourful(before) > 0.15, "the splats are drawn"

    box = viewer.bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 150, middle[1], steps=5)
    page.mouse.up()
    page.wait_for_timeout(1500)
    viewer.screenshot(path=after)
    assert before.read_bytes() != after.read_bytes(), "dragging turns the model"

    with page.expect_download() as download:
        page.get_by_role("link", name="PLY").click()
    assert len(read_ply(Path(download.value.path()).read_bytes())) == 8000


def test_a_report_opens_in_the_browser(page: Page, address: str) -> None:
    page.goto(f"{address}/reports")
    page.get_by_label("Report").select_option("tasks")
    page.get_by_label("From").fill("2026-11-23")
    page.get_by_label("To", exact=True).fill("2026-11-23")
    page.get_by_role("button", name="Open").click()
    page.get_by_role("heading", name="Tasks").wait_for()
    assert page.locator("svg").count() == 4
    assert page.locator(".table tbody tr").count() == 2
    assert page.get_by_text("a ball of <b>many</b> colours").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_fault_of_accessibility(
    page: Page, address: str, serve: Callable[[Any], str], tmp_path: Path, scheme: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=scheme)
    parts = Pipeline(Settings.load(data_dir=tmp_path)).reports.gallery_parts()
    locked = serve(guarded_gallery(parts, host="0.0.0.0", token="a-token-of-many-characters"))
    found = {}
    for url in (address, f"{address}/models?tasks=all", f"{address}/models/1", f"{address}/reports", locked):
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto(url)
        results = Axe().run(page).response
        bad = [v["id"] for v in results["violations"] if v["impact"] in {"serious", "critical"}]
        assert results["passes"], "axe looked at something"
        found[url] = bad
    assert {url: faults for url, faults in found.items() if faults} == {}


def test_a_model_turns_by_keyboard_and_fits_its_view(page: Page, address: str, tmp_path: Path) -> None:
    page.goto(f"{address}/models/1")
    page.get_by_text("splats: drag").wait_for(timeout=60_000)
    page.wait_for_timeout(500)
    page.locator("#viewer").focus()
    before = page.locator("#viewer").screenshot()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(500)
    assert page.locator("#viewer").screenshot() != before
    assert page.evaluate("document.querySelector('#viewer canvas').style.touchAction") == "pan-y"
    picture = tmp_path / "view.png"
    page.locator("#viewer").screenshot(path=picture)
    pixels = np.asarray(Image.open(picture).convert("RGB")).astype(int)[4:-4, 4:-4]
    coloured = pixels.max(axis=2) - pixels.min(axis=2) > 40
    edges = (coloured[0], coloured[-1], coloured[:, 0], coloured[:, -1])
    assert not any(edge.any() for edge in edges), "nothing of the model is cut off"


@pytest.fixture
def today(tmp_path: Path) -> BallHistory:
    """Tasks that ended within the last hours, of which one has a hostile reason."""
    pipeline = Pipeline(Settings.load(data_dir=tmp_path))
    store, now = pipeline.store, datetime.now(UTC)
    assert isinstance(store, SqlStore)
    store.validators.save([a_validator(1), a_validator(2)], now)
    history = BallHistory(store)
    for hours in range(1, 9):
        history.answered(at=now - timedelta(hours=hours), validator=a_validator(1 + hours % 2))
    history.handed_back("<b>low</b> score \u202e " + "x" * 300, at=now)
    return history


@pytest.fixture
def start_page(
    tmp_path: Path, today: BallHistory, serve: Callable[[Any], str], monkeypatch: pytest.MonkeyPatch
) -> str:
    monkeypatch.setattr("trellis_assets.servers.gallery.live_figures._OVERVIEW_S", 0.0)
    monkeypatch.setattr("trellis_assets.servers.gallery.live_figures._TIMES_CHEAPER", 0)
    parts = Pipeline(Settings.load(data_dir=tmp_path)).reports.gallery_parts(
        lambda: [CheckResult("generator", Health.FAILED, "y" * 300, "start it")],
        mining=lambda: [CheckResult("mining", Health.OK, "at work")],
    )
    return serve(guarded_gallery(parts, host="127.0.0.1", token=None))


def faults_of(page: Page) -> list[str]:
    results = Axe().run(page).response
    assert results["passes"], "axe looked at something"
    return [violation["id"] for violation in results["violations"]]


def is_too_wide(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_start_page_is_accessible_on_a_telephone_and_fits_a_laptop(
    page: Page, start_page: str, scheme: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(start_page)
    page.get_by_text("Mining, with an outage: generator").wait_for(timeout=20_000)
    assert page.locator("figure svg").count() == 5
    assert faults_of(page) == []
    assert not is_too_wide(page)
    page.set_viewport_size({"width": 1366, "height": 768})
    assert not is_too_wide(page)
    # A report's policy lets no script run, axe neither.
    page.goto(f"{start_page}/report?name=tasks&form=html")
    assert not is_too_wide(page)


def test_the_start_page_is_live_and_keeps_what_a_reader_has_opened(
    page: Page, start_page: str, today: BallHistory
) -> None:
    page.goto(start_page)
    page.get_by_text("accepted 8", exact=True).wait_for(timeout=20_000)
    summary = page.locator("#outcomes_by_hour summary")
    while not page.evaluate("document.activeElement.matches('#outcomes_by_hour summary')"):
        page.keyboard.press("Tab")
        assert not page.evaluate("document.activeElement === document.body"), "reached by keyboard"
    page.keyboard.press("Enter")
    page.locator("#outcomes_by_hour tbody").wait_for()
    today.answered(at=datetime.now(UTC))
    page.get_by_text("accepted 9", exact=True).wait_for(timeout=20_000)
    assert page.locator("#outcomes_by_hour details").get_attribute("open") is not None
    assert summary.evaluate("each => each === document.activeElement"), "the focus stays"
    page.locator("#outcomes_by_hour rect.mark").last.hover()
    assert page.locator(".tip").inner_text().startswith("20"), "the value below the pointer"


def test_the_start_page_is_whole_without_javascript(start_page: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        page = browser.new_context(java_script_enabled=False).new_page()
        wait_until(lambda: "accepted 8" in httpx.get(start_page).text, 20)
        page.goto(start_page)
        for text in ("Am I earning?", "What should I change?", "accepted 8", "What to do next"):
            assert page.get_by_text(text).first.is_visible(), text
        assert page.locator("figure svg").count() == 5
        assert 'http-equiv="refresh"' in page.content()
        browser.close()
