"""Records of our neuron and the cost of tasks, held against plain SQL."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.earnings.cost import GpuPrice
from trellis_assets.domain.earnings.report import Prices
from trellis_assets.domain.scheduling.prefetch import ENDPOINTS_FLAG
from trellis_assets.domain.sessions import MINER_FLAG
from trellis_assets.domain.submissions import SubmissionOutcome
from trellis_assets.steps.read_earnings import ReadEarningsStep
from trellis_assets.testing.fakes import MINER, NOW, FakeClock, a_neuron_record, a_validator
from trellis_assets_tests.ended_tasks import History

SOURCE = "finney/17"
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def test_a_later_read_of_an_hour_replaces_an_earlier_one_and_keeps_its_first_time(store: SqlStore) -> None:
    store.earnings.record(a_neuron_record(read_at=NOW + MINUTE, first_read_at=NOW + MINUTE))
    later = a_neuron_record(read_at=NOW + 9 * MINUTE, first_read_at=NOW + 9 * MINUTE, emission_alpha=2.0)
    store.earnings.record(later)
    (found,) = store.earnings.records(SOURCE, MINER, NOW, NOW + HOUR)
    assert (found.first_read_at, found.read_at) == (NOW + MINUTE, NOW + 9 * MINUTE)
    assert (found.emission_alpha, found) == (2.0, store.earnings.latest(SOURCE, MINER))


def test_records_of_other_miners_and_networks_are_not_ours(store: SqlStore) -> None:
    store.earnings.record(a_neuron_record(source="test/17"))
    store.earnings.record(a_neuron_record(miner_hotkey="5Other"))
    assert store.earnings.records(SOURCE, MINER, NOW - HOUR, NOW + HOUR) == []
    assert store.earnings.latest(SOURCE, MINER) is None


def test_every_figure_of_the_report_is_the_tables_own(store: SqlStore, clock: FakeClock) -> None:
    second = a_validator(2, stake=1000.0)
    store.validators.save([a_validator(1), second], NOW)
    history = History(store)
    for number in range(3):
        history.answered(at=NOW + number * MINUTE)
    history.answered(outcome=SubmissionOutcome.REJECTED, validator=second, at=NOW + 5 * MINUTE)
    history.answered(validator=second, at=NOW - 24 * HOUR)
    history.handed_back("low score: 0.3 under 0.6", at=NOW)
    session = store.sessions.start(NOW - HOUR, {ENDPOINTS_FLAG: ["a", "b"], MINER_FLAG: MINER})
    store.sessions.start(NOW - HOUR, {ENDPOINTS_FLAG: ["c"], MINER_FLAG: "5Other"})
    for hour in (-1, 0):
        read_at = NOW + hour * HOUR
        store.earnings.record(a_neuron_record(read_at=read_at, first_read_at=read_at))
    clock.advance(1800)
    store.sessions.end(session, clock.now())
    prices = Prices(GpuPrice(0.4), 400.0)
    step = ReadEarningsStep(store.earnings, clock, MINER, SOURCE, prices)
    found = step.last(timedelta(hours=1.5))

    period = {"start": NOW - HOUR, "end": clock.now()}
    with store.engine.connect() as connection:
        rows = connection.execute(
            text(
                "select validator_hotkey, count(*), sum(case when state = 'accepted' then 1 else 0 end), "
                "coalesce(sum(generation_s), 0) from tasks "
                "where finished_at >= :start and finished_at < :end group by validator_hotkey"
            ),
            period if store.engine.dialect.name != "sqlite" else _as_text(period),
        ).all()
        emission = connection.execute(text("select sum(emission_alpha) from neuron_records")).scalar_one()
    expected = {hotkey: (tasks, accepted, seconds) for hotkey, tasks, accepted, seconds in rows}
    shown = {e.usage.name: (e.usage.tasks, e.usage.accepted, e.usage.generation_s) for e in found.validators}
    assert shown == expected
    assert found.total.usage.accepted == 3
    assert found.total.usage.submitted == 4
    assert found.gpu_hours == 2 * 1.5, "of our session with two GPUs, not of the other miner's"
    assert found.cost == pytest.approx(1.2)
    assert found.income.hours_read == 1.5
    assert found.income.alpha == pytest.approx(float(emission) / 2 * 1.5 / 1.2), "a tempo is 1.2 hours"
    assert found.profit == pytest.approx(found.income.alpha * 0.02 * 400 - 1.2)
    assert found.cost_per_accepted == pytest.approx(0.4)


def _as_text(period: dict[str, object]) -> dict[str, object]:
    return {name: str(moment).removesuffix("+00:00") for name, moment in period.items()}


def test_a_running_session_counts_to_now_and_a_dead_one_to_its_last_statistics(
    store: SqlStore, clock: FakeClock
) -> None:
    dead = store.sessions.start(NOW - 5 * HOUR, {MINER_FLAG: MINER})
    store.statistics.save_snapshot(store.statistics.snapshot(dead, NOW - 3 * HOUR))
    running = store.sessions.start(NOW - HOUR, {MINER_FLAG: MINER})
    store.statistics.save_snapshot(store.statistics.snapshot(running, NOW - 9 * MINUTE))
    step = ReadEarningsStep(store.earnings, clock, MINER, SOURCE, Prices())
    assert step.last(24 * HOUR).gpu_hours == 2 + 1


def test_a_reused_result_took_no_gpu_time(store: SqlStore, clock: FakeClock) -> None:
    task = History(store).answered()
    with store.engine.begin() as connection:
        connection.execute(text("update tasks set reused_from = 1 where key = :key"), {"key": task.key})
    (found,) = store.earnings.usage_by_validator(MINER, NOW, NOW + HOUR)
    assert (found.accepted, found.generation_s) == (1, 0.0)
