"""What is drawn is what the table holds: values, drawn figures and numbers against plain SQL."""

import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pandas as pd
import pytest
from sqlalchemy import text

from trellis_assets.adapters.storage.report_queries import SqlReportQueries
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.submissions import SubmissionOutcome
from trellis_assets.reports import task_charts
from trellis_assets.reports.chart_tables import table_of
from trellis_assets.reports.charts import Chart, ChartKind, Series
from trellis_assets.reports.drawing import draw_svg, draw_svg_file
from trellis_assets.reports.period import ReportPeriod
from trellis_assets.reports.scales import written
from trellis_assets.reports.svg import STATES, width_of
from trellis_assets.reports.tables import REPORTS
from trellis_assets.testing.fakes import NOW, a_validator
from trellis_assets_tests.ended_tasks import History

DAY = datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)
TWO = a_validator(2)


@pytest.fixture
def history(store: SqlStore) -> History:
    store.validators.save([a_validator(1), TWO], NOW)
    history = History(store)
    for number in range(5):
        history.answered(fidelity=0.7 + number / 50, at=NOW + timedelta(minutes=number))
    history.answered(fidelity=0.9, validator=TWO, at=NOW + timedelta(hours=2))
    history.answered(
        outcome=SubmissionOutcome.REJECTED, fidelity=0.0, validator=TWO, at=NOW + timedelta(hours=2)
    )
    history.handed_back("duplicate: of task 1")
    history.handed_back("duplicate: of task 2", validator=TWO)
    history.handed_back("low score: 0.3 under 0.6")
    return history


@pytest.fixture
def period(history: History, store: SqlStore) -> ReportPeriod:
    return ReportPeriod(SqlReportQueries(store.engine), *DAY)


@pytest.fixture
def sql(store: SqlStore) -> Callable[[str], list[Any]]:
    def query(statement: str) -> list[Any]:
        with store.engine.connect() as connection:
            return list(connection.execute(text(statement)).all())

    return query


class Drawn:
    """A chart's SVG, read as somebody reads it: by the ticks of its axes and the geometry of its marks."""

    def __init__(self, chart: Chart) -> None:
        self.svg = ET.fromstring(draw_svg(chart))  # noqa: S314 - our own

    def all(self, path: str) -> list[ET.Element]:
        return self.svg.findall(path.replace("svg:", "{http://www.w3.org/2000/svg}"))

    def texts(self) -> list[str]:
        return [str(found.text) for found in self.all(".//svg:text")]

    def axis(self, coordinate: str, anchor: str) -> Callable[[float], float]:
        """From pixels to values, by the two outermost ticks whose texts are numbers."""
        ticks = {
            float(str(found.text).replace(",", "")): float(found.attrib[coordinate])
            for found in self.all("./svg:text")
            if found.attrib["text-anchor"] == anchor and re.fullmatch(r"[-\d.,]+", str(found.text))
        }
        (low, start), (high, end) = min(ticks.items()), max(ticks.items())
        # The baseline of a tick's text lies 4 pixels below its line.
        shift = 4 if coordinate == "y" else 0
        return lambda pixel: low + (pixel + shift - start) * (high - low) / (end - start)

    def said(self) -> list[str]:
        """What is shown when a pointer rests on a mark."""
        return [str(found.text) for found in self.all(".//svg:title")]


def test_bars_of_outcomes_stand_over_their_own_hour_and_are_as_high_as_the_tables_counts(
    period: ReportPeriod, sql: Callable[[str], list[Any]]
) -> None:
    chart = task_charts.outcomes_by_hour(period)
    rows = sql("select finished_at, state from tasks")
    expected = Counter((pd.Timestamp(moment, tz="UTC").floor("h"), str(state)) for moment, state in rows)
    valued = {
        (pd.Timestamp(hour), series.name): value
        for series in chart.series
        for hour, value in zip(series.x, series.y, strict=True)
        if value
    }
    assert valued == expected
    drawn = Drawn(chart)
    value_at, fills = drawn.axis("y", "end"), {v: k for k, v in STATES.items()}
    found: dict[tuple[pd.Timestamp, str], float] = {}
    width = (float(drawn.all("./svg:line")[0].attrib["x2"]) - 44) / 24
    for group in drawn.all("./svg:g"):
        for bar in group:
            at = {name: float(bar.attrib[name]) for name in ("x", "y", "width", "height")}
            hour = DAY[0] + timedelta(hours=round((at["x"] - 44) / width))
            height = value_at(at["y"]) - value_at(at["y"] + at["height"])
            found[pd.Timestamp(hour), fills[group.attrib["fill"]]] = round(height, 1)
            assert at["width"] == pytest.approx(width - 0.5, abs=0.02)
    assert found == expected
    states = Counter(str(state) for _, state in rows)
    assert dict(chart.numbers) == {name: states[name] for name in task_charts.OUTCOMES}
    assert {"accepted 6", "rejected 1", "handed back 3"} <= set(drawn.texts()), "totals beside the names"
    assert "2026-11-23 12:00: 5 accepted" in drawn.said()


def test_a_task_that_was_pulled_the_day_before_counts_on_the_day_it_ended(
    store: SqlStore, history: History
) -> None:
    history.answered(at=DAY[0] - timedelta(seconds=1))
    ledger = SqlReportQueries(store.engine)
    yesterday = ReportPeriod(ledger, DAY[0] - timedelta(days=1), DAY[0])
    today = ReportPeriod(ledger, *DAY)
    assert task_charts.outcomes_by_hour(yesterday).is_empty
    assert task_charts.outcomes_by_hour(today).numbers["accepted"] == 7
    assert ledger.rewards(*DAY)["accepted"].sum() == 7, "as the table beside the chart says"


def test_fidelity_is_that_of_accepted_results_alone(
    period: ReportPeriod, sql: Callable[[str], list[Any]]
) -> None:
    chart = task_charts.fidelity_by_validator(period)
    values = {series.name: list(series.y) for series in chart.series}
    assert values == {"uid 1": pytest.approx([0.7, 0.72, 0.74, 0.76, 0.78]), "uid 2": [0.9]}
    drawn = Drawn(chart)
    assert {"median 0.74 of 5", "median 0.9 of 1"} <= set(drawn.texts())
    value_at = drawn.axis("x", "middle")
    box = drawn.all("./svg:g")[0].findall("{http://www.w3.org/2000/svg}rect")[0].attrib
    edges = (float(box["x"]), float(box["x"]) + float(box["width"]))
    assert [value_at(edge) for edge in edges] == pytest.approx([0.72, 0.76], abs=0.002)
    ((mean,),) = sql("select avg(task_fidelity_score) from tasks where state = 'accepted'")
    assert chart.numbers == {"mean_fidelity": pytest.approx(mean)}


def test_reasons_are_summed_over_their_particulars(period: ReportPeriod) -> None:
    chart = task_charts.not_submitted_by_reason(period)
    drawn = Drawn(chart)
    bars = drawn.all("./svg:g/svg:rect")
    widths = [float(bar.attrib["width"]) for bar in bars]
    assert widths[0] == pytest.approx(2 * widths[1]), "as long as their values, from zero on"
    assert drawn.said() == ["duplicate: 2 tasks", "low score: 1 tasks"], "the most frequent on top"
    assert float(bars[0].attrib["y"]) < float(bars[1].attrib["y"])
    assert chart.numbers == {"not_submitted": 3}


def test_the_standing_drawn_last_is_that_of_each_validators_newest_feedback(
    period: ReportPeriod, sql: Callable[[str], list[Any]]
) -> None:
    chart = task_charts.standings(period)
    rows = sql(
        "select validator_uid, current_miner_reward from tasks "
        "where state in ('accepted', 'rejected') order by finished_at, key"
    )
    latest = {f"uid {uid}": pytest.approx(reward, abs=0.2) for uid, reward in rows}
    assert {series.name: series.y[-1] for series in chart.series} == latest
    drawn = Drawn(chart)
    value_at = drawn.axis("y", "end")
    ends = {
        path[0].text: value_at(float(path.attrib["d"].rpartition("V")[2].partition("H")[0].split()[-1]))
        for path in drawn.all("./svg:path")
    }
    assert ends == dict(latest)
    assert chart.numbers["standing"] == pytest.approx(sum(dict(rows).values()))


def test_stage_times_are_the_tables_medians(period: ReportPeriod, sql: Callable[[str], list[Any]]) -> None:
    chart = task_charts.seconds_by_stage(period)
    drawn = Drawn(chart)
    value_at, bars = drawn.axis("x", "middle"), drawn.all("./svg:g/svg:rect")
    widths = [value_at(float(bar.attrib["x"]) + float(bar.attrib["width"])) for bar in bars]
    medians = [chart.numbers[f"median_{name}_s"] for name in chart.series[0].x]
    assert widths == pytest.approx(medians, abs=0.02)
    stages = pd.DataFrame(sql("select generation_s, validation_s, submission_s from tasks"), dtype=float)
    assert medians[1:] == pytest.approx(list(stages.median()))


def test_points_are_local_score_and_fidelity_of_accepted_results(
    period: ReportPeriod, sql: Callable[[str], list[Any]]
) -> None:
    chart = task_charts.local_score_against_fidelity(period)
    drawn = Drawn(chart)
    across, up = drawn.axis("x", "middle"), drawn.axis("y", "end")
    dots = drawn.all("./svg:path")[0].attrib["d"].replace("h0", "").removeprefix("M").split("M")
    points = [tuple(float(pixel) for pixel in dot.split()) for dot in dots]
    rows = sql("select local_score, task_fidelity_score from tasks where state = 'accepted'")
    found = sorted((round(across(x), 2), round(up(y), 2)) for x, y in points)
    assert found == sorted((round(x, 2), round(y, 2)) for x, y in rows)
    gaps = [local - fidelity for local, fidelity in rows]
    assert chart.numbers["mean_score_gap"] == pytest.approx(sum(gaps) / len(gaps))


@pytest.mark.parametrize("name", REPORTS)
def test_no_two_charts_of_a_report_use_one_name_in_dagsters_metadata(period: ReportPeriod, name: str) -> None:
    charts = [make(period) for make in REPORTS[name].charts]
    names = [name for chart in charts for name in (chart.key, *chart.numbers)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("make", dict.fromkeys(make for report in REPORTS.values() for make in report.charts))
def test_every_mark_and_text_lies_within_the_picture(
    period: ReportPeriod, make: Callable[[ReportPeriod], Chart]
) -> None:
    drawn = Drawn(make(period))
    left, top, width, height = map(float, drawn.svg.attrib["viewBox"].split())
    marks = [*drawn.all(".//svg:rect"), *drawn.all(".//svg:text")]
    assert marks
    for mark in marks:
        wide = width_of(str(mark.text)) if mark.text else float(mark.attrib.get("width", 0))
        shift = {"middle": wide / 2, "end": wide}.get(mark.attrib.get("text-anchor", ""), 0.0)
        x, y = float(mark.attrib["x"]) - shift, float(mark.attrib["y"])
        assert left - 4 <= x <= x + wide <= left + width + 12, mark.text
        assert top <= y <= y + float(mark.attrib.get("height", 0)) <= top + height, mark.text


@pytest.mark.parametrize("make", dict.fromkeys(make for report in REPORTS.values() for make in report.charts))
def test_the_table_beside_a_chart_has_its_values(
    period: ReportPeriod, make: Callable[[ReportPeriod], Chart]
) -> None:
    chart = make(period)
    table = table_of(chart)
    assert all(len(row) == len(table.header) for row in table.rows)
    if chart.kind is ChartKind.BOXES:
        assert [int(row[1]) for row in table.rows] == [len(series.y) for series in chart.series]
    else:
        values = [written(value) for series in chart.series for value in series.y]
        shown = [cell for row in table.rows for cell in row]
        assert Counter(values) <= Counter(shown)


def test_an_empty_chart_is_drawn_as_a_sentence(store: SqlStore) -> None:
    chart = task_charts.outcomes_by_hour(ReportPeriod(SqlReportQueries(store.engine), *DAY))
    assert chart.is_empty
    assert Drawn(chart).texts() == ["no task ended in this time"]


def test_counts_are_of_all_tasks_where_distributions_are_of_the_newest(
    period: ReportPeriod, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trellis_assets.reports.period.MAX_CHARTED_TASKS", 2)
    assert sum(task_charts.outcomes_by_hour(period).numbers.values()) == 10
    assert len(period.ended) == 2


def test_two_miners_of_one_store_have_a_standing_each(store: SqlStore, history: History) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("update tasks set miner_hotkey = '5OtherMiner' where key = 1"))
    chart = task_charts.standings(ReportPeriod(SqlReportQueries(store.engine), *DAY))
    names = {series.name for series in chart.series}
    assert names == {"uid 1, miner 5MinerMi", "uid 2, miner 5MinerMi", "uid 1, miner 5OtherMi"}


@pytest.mark.parametrize("form", ["<b>&\"'", "\u202egnp", "ﷺ" * 100, "\0\x1b[31m", "a" * 300])
def test_a_hostile_reason_is_a_text_in_the_drawing(form: str) -> None:
    chart = task_charts.reasons_chart([(form, 3), ("other", 1)])
    file = ET.fromstring(draw_svg_file(chart))  # noqa: S314 - our own
    assert {child.tag.partition("}")[2] for child in file.iter()} == {"svg", "rect", "text", "g", "title"}
    assert "\u202e" not in "".join(file.itertext())


def test_large_and_long_values_are_written_whole() -> None:
    hours = (DAY[0], DAY[0] + timedelta(hours=1))
    level = Series("uid 1", hours, (1.5e6, 2.4e6))
    lines = Chart("k", "t", ChartKind.LINES, "u", (level,), y_range=(0.0, None))
    ticks = [mark for mark in Drawn(lines).all("./svg:text") if mark.attrib["text-anchor"] == "end"]
    assert min(float(tick.attrib["x"]) - width_of(str(tick.text)) for tick in ticks) >= 0
    stages = (Series("median", ("queue",), (1234.56,)), Series("95 %", ("queue",), (98765.4,)))
    bars = Drawn(Chart("k", "t", ChartKind.BARS, "seconds", stages))
    assert "median 1,235, 95 % 98,765" in bars.texts()
