"""Earnings and cost in the report, its charts and the command are the tables' own figures."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import text

from trellis_assets.adapters.storage.report_queries import SqlReportQueries
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.earnings import describe
from trellis_assets.domain.earnings.cost import GpuPrice
from trellis_assets.domain.earnings.report import Prices
from trellis_assets.domain.scheduling.prefetch import ENDPOINTS_FLAG
from trellis_assets.domain.sessions import MINER_FLAG
from trellis_assets.reports import earning_charts
from trellis_assets.reports.files import write_report
from trellis_assets.reports.period import ReportPeriod
from trellis_assets.steps.read_earnings import ReadEarningsStep
from trellis_assets.testing.fakes import MINER, NOW, FakeClock, a_neuron_record, a_validator
from trellis_assets_tests.ended_tasks import History

DAY = datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)
HOUR = timedelta(hours=1)
PRICES = Prices(GpuPrice(0.4), 400.0, "EUR")


@pytest.fixture
def ledger(store: SqlStore) -> SqlReportQueries:
    """Three hours of mining from 11:00 on, of which the chain was read in the first two."""
    store.validators.save([a_validator(1), a_validator(2, stake=1000.0)], NOW)
    history = History(store)
    for number in range(4):
        history.answered(at=NOW + timedelta(minutes=number))
    history.answered(validator=a_validator(2, stake=1000.0), at=NOW + HOUR)
    session = store.sessions.start(NOW - HOUR, {ENDPOINTS_FLAG: ["a", "b"], MINER_FLAG: MINER})
    store.sessions.end(session, NOW + 2 * HOUR)
    for hour, emission in ((-1, 1.2), (0, 2.4)):
        read_at = NOW + hour * HOUR
        store.earnings.record(
            a_neuron_record(read_at=read_at, first_read_at=read_at, emission_alpha=emission)
        )
    return store.reports.priced(PRICES)


def test_the_report_has_every_hour_that_was_mined_and_says_what_is_not_known(
    ledger: SqlReportQueries, tmp_path: Path
) -> None:
    assert write_report(ledger, "earnings", *DAY, tmp_path / "e.csv") == 3
    table = pd.read_csv(tmp_path / "e.csv", parse_dates=["hour"])
    assert table["alpha"].iloc[:2].tolist() == pytest.approx([1.0, 2.0]), "a tempo is 1.2 hours"
    assert table["income"].iloc[:2].tolist() == pytest.approx([8.0, 16.0])
    assert table["cost"].tolist() == pytest.approx([0.8] * 3), "two GPUs, idle or not"
    assert table["profit"].iloc[:2].tolist() == pytest.approx([7.2, 15.2])
    assert table["accepted"].tolist() == [0, 4, 1]
    assert table.iloc[2][["alpha", "income", "profit", "rank"]].isna().all(), "not read, so not known"


def test_charts_add_up_to_the_tables(ledger: SqlReportQueries, store: SqlStore) -> None:
    period = ReportPeriod(ledger, *DAY)
    money = earning_charts.money_by_hour(period)
    assert money.unit == "EUR"
    assert {series.name: sum(series.y) for series in money.series} == pytest.approx(dict(money.numbers))
    assert money.numbers["income"] == pytest.approx(24.0)
    assert money.numbers["cost"] == pytest.approx(2.4)
    with store.engine.connect() as connection:
        emission = connection.execute(text("select sum(emission_alpha) from neuron_records")).scalar_one()
        seconds = connection.execute(
            text("select validator_uid, sum(generation_s), count(*) from tasks group by validator_uid")
        ).all()
    alpha = earning_charts.alpha_by_hour(period)
    assert alpha.numbers["alpha"] == pytest.approx(float(emission) / 1.2)
    expected = {f"uid {uid}": total / 3600 * 0.4 / accepted for uid, total, accepted in seconds}
    (series,) = earning_charts.cost_by_validator(period).series
    assert dict(zip(series.x, series.y, strict=True)) == pytest.approx(expected)


def test_without_prices_the_report_has_alpha_and_gpu_time_and_no_money(
    ledger: SqlReportQueries,
) -> None:
    period = ReportPeriod(ledger.priced(Prices()), *DAY)
    assert earning_charts.money_by_hour(period).is_empty
    assert not earning_charts.alpha_by_hour(period).is_empty
    assert earning_charts.cost_by_validator(period).unit == "GPU minutes"


def test_the_command_says_what_the_report_says(
    ledger: SqlReportQueries, store: SqlStore, clock: FakeClock
) -> None:
    clock.advance(7200)
    step = ReadEarningsStep(store.earnings, clock, MINER, "finney/17", PRICES)
    report = step.run(*DAY)
    hours = ledger.earnings.by_hour(*DAY)
    assert report.income.alpha == pytest.approx(sum(hour.income.alpha for hour in hours))
    assert report.cost == pytest.approx(sum(hour.cost or 0.0 for hour in hours))
    said = "\n".join(describe.lines_of(report))
    assert said.startswith("Yes: +21.60 EUR in this time, income less cost")
    assert "3 alpha = 0.06 TAO = 24.00 EUR (2.0 of 24.0 hours read)" in said
    found = describe.as_json(report)
    assert (found["profit"], found["total"]["accepted"]) == (pytest.approx(21.6), 5)
    assert [each["uid"] for each in found["validators"]] == [1, 2], "who pays most comes first"


def test_what_is_missing_to_know_the_profit_is_named(
    ledger: SqlReportQueries,
    store: SqlStore,
    clock: FakeClock,
) -> None:
    clock.advance(7200)
    report = ReadEarningsStep(store.earnings, clock, MINER, "finney/17", Prices()).run(*DAY)
    assert "set TRELLIS_TAO_PRICE and TRELLIS_GPU_COST_PER_H" in describe.answer(report)
    nobody = ReadEarningsStep(store.earnings, clock, "5Other", "finney/17", Prices()).run(*DAY)
    assert describe.answer(nobody).startswith("Not known: the chain was not read yet")
