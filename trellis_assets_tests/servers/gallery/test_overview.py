"""The gallery's start page over a real store: its figures are those of reports and SQL."""

import html
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.composition import Pipeline
from trellis_assets.domain.diagnostics import CheckResult, Health
from trellis_assets.domain.overview import Overview
from trellis_assets.domain.submissions import SubmissionOutcome
from trellis_assets.reports.files import write_report
from trellis_assets.servers.gallery.run import guarded_gallery
from trellis_assets.settings import Settings
from trellis_assets.testing.fakes import a_validator
from trellis_assets.testing.waiting import wait_until
from trellis_assets_tests.ended_tasks import History

Serve = Callable[[Any], str]
HOSTILE = "<script>alert(1)</script>: \u202egnp <img src=x onerror=alert(2)>"


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return Pipeline(Settings.load(data_dir=tmp_path))


@pytest.fixture
def history(pipeline: Pipeline) -> History:
    store = pipeline.store
    assert isinstance(store, SqlStore)
    now = datetime.now(UTC)
    store.validators.save([a_validator(1), a_validator(2)], now)
    history = History(store)
    for minutes in (5, 10, 90, 200):
        history.answered(at=now - timedelta(minutes=minutes))
    history.answered(outcome=SubmissionOutcome.REJECTED, fidelity=0.0, at=now - timedelta(hours=3))
    history.handed_back("low score: 0.3 under 0.6", at=now - timedelta(hours=4), validator=a_validator(2))
    history.answered(at=now - timedelta(hours=30))
    return history


def started(pipeline: Pipeline, serve: Serve, **changes: Any) -> str:
    parts = replace(pipeline.reports.gallery_parts(), **changes)
    return serve(guarded_gallery(parts, host="127.0.0.1", token=None))


def words_of(page: str) -> str:
    """The page's text in one line."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", page)))


def figures_of(address: str) -> str:
    """The text of the start page, once its figures are there."""
    wait_until(lambda: "Five questions" in (page := httpx.get(address).text) and "Am I" in page, 20)
    return words_of(httpx.get(address).text)


def test_an_empty_store_answers_all_five_questions(pipeline: Pipeline, serve: Serve) -> None:
    shown = figures_of(started(pipeline, serve))
    for question in ("Am I earning?", "Which validator pays?", "Which prompts fail?", "What did today cost?"):
        assert question in shown
    assert "No earnings read yet" in shown
    assert "Tasks ended in each hour (UTC) no task ended in this time" in shown


def metrics_of(address: str) -> dict[tuple[str, str], float]:
    """The sums of what `/metrics` exports, by name and outcome."""
    sums: dict[tuple[str, str], float] = {}
    for family in text_string_to_metric_families(httpx.get(f"{address}/metrics").text):
        for sample in family.samples:
            key = (sample.name, sample.labels.get("outcome", ""))
            sums[key] = sums.get(key, 0) + sample.value
    return sums


def test_page_report_metrics_and_sql_name_the_same_figures(
    pipeline: Pipeline, serve: Serve, history: History, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    address = started(pipeline, serve)
    shown = figures_of(address)
    with history.store.engine.connect() as connection:
        rows = connection.execute(
            text("select state, count(*) from tasks where finished_at >= :since group by state"),
            {"since": f"{now - timedelta(days=1):%Y-%m-%d %H:%M:%S}"},
        ).all()
    states = {str(state): int(n) for state, n in rows}
    assert states == {"accepted": 4, "rejected": 1, "handed_back": 1}
    assert "80 % (4 of 5) of answered results accepted; 6 tasks ended" in shown
    assert "the 24 hours before: 100 % (1 of 1) accepted, 1 ended" in shown
    assert "Last hour 100 % (2 of 2)" in shown
    assert "text 80 % (4 of 5) 1 0 6" in shown, "acceptance by kind of prompt"
    rewards = tmp_path / "rewards.html"
    write_report(pipeline.ledger, "rewards", now - timedelta(days=1), now, rewards)
    for name in ("accepted", "rejected", "handed_back"):
        total = f"{name.replace('_', ' ')} {states[name]}"
        assert total in shown
        assert total in words_of(rewards.read_text())
    standing = pipeline.ledger.rewards(now - timedelta(days=1), now)["standing"].max()
    assert f"Your standing with all validators together is {standing:,.0f}" in shown
    exported = metrics_of(address)
    assert exported["trellis_validator_standing", ""] == standing
    # Counters never go back: they count the day and the day before, which the page shows apart.
    day = re.search(
        r"Last 24 hours \d+ % \((\d+) of (\d+)\) of answered results accepted; (\d+) tasks ended", shown
    )
    day_before = re.search(r"the 24 hours before: \d+ % \((\d+) of (\d+)\) accepted, (\d+) ended", shown)
    assert day is not None
    assert day_before is not None
    on_page = [int(a) + int(b) for a, b in zip(day.groups(), day_before.groups(), strict=True)]
    by_report = pipeline.ledger.rewards(now - timedelta(days=2), now)[["accepted", "rejected", "handed_back"]]
    with history.store.engine.connect() as connection:
        by_sql = dict(
            connection.execute(text("select state, count(*) from tasks group by state")).tuples().all()
        )
    settled = {name: exported["trellis_tasks_settled_total", name] for name in by_report.columns}
    assert settled == by_report.sum().to_dict() == by_sql
    accepted, rejected, handed_back = settled.values()
    assert on_page == [accepted, accepted + rejected, accepted + rejected + handed_back]


def test_links_with_a_filter_of_before_still_lead_to_the_models(pipeline: Pipeline, serve: Serve) -> None:
    answer = httpx.get(f"{started(pipeline, serve)}/?text=red+vase&day=")
    assert answer.status_code == 307
    assert answer.headers["location"] == "/models?text=red+vase&day="


def test_a_viewer_gets_only_the_sections_that_changed(
    pipeline: Pipeline, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_OVERVIEW_S", "_MINING_S", "_DOCTOR_S"):
        monkeypatch.setattr(f"trellis_assets.servers.gallery.live_figures.{name}", 3600.0)
    mining = [CheckResult("mining", Health.OK, "at work")]
    url = started(pipeline, serve, mining=lambda: list(mining))
    figures_of(url)
    wait_until(lambda: "No check was made" in (page := httpx.get(url).text) and "at work" in page, 20)
    page = httpx.get(url).text
    digests = re.findall(r'data-digest="(\w+)"', page)
    assert len(digests) == 8
    have = ".".join(digests)
    assert httpx.get(f"{url}/live", params={"have": have}).json() == {"sections": {}}
    (changed,) = httpx.get(f"{url}/live", params={"have": have.partition(".")[2]}).json()["sections"].values()
    assert "at work" in changed["html"]
    assert changed["digest"] == digests[0]
    assert httpx.get(f"{url}/live", params={"have": "x" * 10_000}).status_code == 200


def test_the_first_page_waits_neither_for_the_store_nor_for_the_doctor(
    pipeline: Pipeline, serve: Serve
) -> None:
    release = threading.Event()

    def slow_overview() -> Overview:
        release.wait(60)
        return pipeline.reports.read_overview_step().run()

    def slow_doctor() -> Sequence[CheckResult]:
        release.wait(60)
        return []

    url = started(pipeline, serve, overview=slow_overview, examine=slow_doctor, mining=slow_doctor)
    shown = words_of(httpx.get(url, timeout=30).text)
    assert not release.is_set()
    assert "The figures are being read" in shown
    assert "The doctor is looking" in shown
    release.set()
    figures_of(url)


def test_a_store_that_cannot_be_read_is_told_without_its_address(pipeline: Pipeline, serve: Serve) -> None:
    def broken() -> Overview:
        raise OSError("postgresql://user:secret@host")

    page = httpx.get(started(pipeline, serve, overview=broken)).text
    assert "The figures cannot be read: OSError" in page
    assert "secret" not in page


def test_hostile_texts_are_texts_on_the_start_page(
    pipeline: Pipeline, serve: Serve, history: History
) -> None:
    now = datetime.now(UTC)
    history.handed_back(HOSTILE, at=now)
    history.handed_back(HOSTILE.replace(":", ""), at=now)
    with history.store.engine.begin() as connection:
        connection.execute(text("update tasks set endpoint = :name, kind = :name"), {"name": HOSTILE})
    checks = [CheckResult("mining", Health.FAILED, HOSTILE, HOSTILE)]
    url = started(pipeline, serve, mining=lambda: checks, examine=lambda: checks)
    figures_of(url)
    wait_until(lambda: "The doctor is looking" not in httpx.get(url).text, 20)
    answer = httpx.get(url)
    assert "<script>alert" not in answer.text
    assert "<img" not in answer.text
    assert "Outage" in answer.text
    assert "unsafe-inline" not in answer.headers["content-security-policy"]
    sent = httpx.get(f"{url}/live").json()["sections"]
    assert all(
        "<script" not in section["html"] and "<img" not in section["html"] for section in sent.values()
    )


@pytest.mark.parametrize(
    ("result", "name"),
    [
        (CheckResult("mining", Health.OK, "at work: last tick 1 s ago"), "Mining"),
        (CheckResult("mining", Health.WARNING, "the task_sensor is switched off"), "Paused"),
        (CheckResult("mining", Health.WARNING, "no miner uses this folder"), "Not running"),
        (CheckResult("mining", Health.WARNING, "no poll for 70 s: the generator is full"), "Waiting"),
        (CheckResult("mining", Health.FAILED, "no tick of the task_sensor for 90 s"), "Outage"),
    ],
)
def test_the_start_page_names_the_state_of_mining(
    pipeline: Pipeline, serve: Serve, result: CheckResult, name: str
) -> None:
    url = started(pipeline, serve, mining=lambda: [result])
    wait_until(lambda: f"<strong>{name}</strong>" in httpx.get(url).text, 20)


def test_an_outage_of_a_part_is_named_while_the_miner_works(pipeline: Pipeline, serve: Serve) -> None:
    url = started(
        pipeline,
        serve,
        mining=lambda: [CheckResult("mining", Health.OK, "at work")],
        examine=lambda: [CheckResult("generator", Health.FAILED, "refused", "start it")],
    )
    wait_until(lambda: "Mining, with an outage: generator" in httpx.get(url).text, 20)


def test_earnings_and_cost_are_those_of_their_read_model(
    pipeline: Pipeline, serve: Serve, history: History
) -> None:
    report = pipeline.reports.read_last_earnings()
    assert report is not None
    assert report.total.usage.accepted == 4
    url = started(pipeline, serve)
    figures_of(url)
    wait_until(lambda: "GPU hours" in httpx.get(url).text, 20)
    shown = words_of(httpx.get(url).text)
    assert "Income no earnings read yet" in shown
    assert "uid 1 4 of 5" in shown, "accepted of the tasks of one validator"
    assert "TRELLIS_GPU_COST_PER_H" in shown
