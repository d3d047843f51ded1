"""The simulated miners: their limits are the subnet's, the endpoints', and those of whatever costs most."""

from dataclasses import replace

import pytest
from capacity.bench import bounds, outcome, scenario_for
from capacity.costs import POSTGRESQL, SQLITE, Costs, Demand, costs_of
from capacity.miners import Scenario, Subnet
from capacity.recorder import Asked

FREE = Costs(SQLITE, 1, *[Demand()] * 13, broker_s=0.0)
# Validators that always have a task; more hands and cores than are needed.
PLENTY = Scenario(
    endpoints=4,
    generation_s=10.0,
    miners=2,
    validators=20,
    hands=200,
    worker_cores=200,
    cooldown_s=0.0,
)


def simulated(scenario: Scenario, costs: Costs, seconds: float = 1_000.0) -> tuple[Subnet, float]:
    subnet = Subnet(scenario, costs)
    subnet.run(400.0, seconds)
    return subnet, subnet.done / seconds


def test_where_nothing_costs_anything_a_task_with_a_free_endpoint_does_not_wait() -> None:
    subnet, rate = simulated(replace(PLENTY, endpoints=500, cooldown_s=300.0), FREE)
    assert set(subnet.waits_s) == {0.0}
    assert rate > 0


def test_endpoints_are_busy_when_nothing_else_is_scarce() -> None:
    subnet, rate = simulated(PLENTY, FREE)
    assert subnet.endpoints.utilisation > 0.97, "but for the looks of who waits for one"
    assert rate == pytest.approx(subnet.endpoints.utilisation * 4 / 10.0, rel=0.02)


def test_a_validator_gives_a_miner_a_task_in_300_seconds_at_most() -> None:
    """Generation and submission are within the throttle here, so that a cycle is 300 s exactly."""
    _, rate = simulated(replace(PLENTY, endpoints=500, cooldown_s=300.0), FREE)
    bound = 2 * 20 / 300
    assert 0.97 * bound < rate <= bound * 1.01


def test_work_beyond_the_throttle_lengthens_the_cycle() -> None:
    slow = replace(PLENTY, endpoints=500, cooldown_s=300.0, generation_s=100.0)
    _, rate = simulated(slow, FREE, 3_000.0)
    assert rate == pytest.approx(2 * 20 / (100.0 + 5.0 + 270.0), rel=0.03)


def test_who_costs_most_saturates_at_its_rate() -> None:
    costly = replace(FREE, submit=Demand(store_s=5.0))
    subnet, rate = simulated(PLENTY, costly)
    assert rate == pytest.approx(1 / 5.0, rel=0.03), (
        "SQLite has one writer; the endpoints could do twice that"
    )
    assert subnet.store.utilisation == pytest.approx(1.0, abs=0.01)
    row = outcome(PLENTY, costly)
    assert (row["busiest"], row["database"]) == ("store", SQLITE)


def test_postgresql_serves_as_many_at_once_as_it_has_cores() -> None:
    costly = replace(FREE, database=POSTGRESQL, submit=Demand(store_s=5.0))
    subnet, rate = simulated(PLENTY, costly)
    assert rate == pytest.approx(subnet.endpoints.utilisation * 4 / 10.0, rel=0.03)
    assert subnet.store.utilisation == pytest.approx(rate * 5.0 / 8, rel=0.03), "the utilisation law"


def test_too_few_run_workers_are_a_limit() -> None:
    _, rate = simulated(replace(PLENTY, hands=1), FREE)
    assert rate == pytest.approx(1 / (10.0 + 5.0), rel=0.03)


def test_renewals_and_rounds_load_the_store_without_any_task_more() -> None:
    quiet, _ = simulated(PLENTY, FREE)
    loaded, _ = simulated(PLENTY, replace(FREE, renewal=Demand(store_s=0.1), round=Demand(store_s=0.001)))
    assert quiet.store.utilisation == 0.0
    assert loaded.store.utilisation > 0.02


def test_scenarios_have_no_more_miners_than_the_subnet_has_places() -> None:
    assert scenario_for(1, 30.0, is_bound=True).miners == 1
    assert scenario_for(1_000, 5.0, is_bound=True).miners == 236
    assert scenario_for(1_000, 5.0, is_bound=True).cooldown_s == 300.0
    (_, usual, _) = bounds()
    assert usual["one_miner_tasks_per_hour"] == 240.0
    assert usual["endpoints_a_miner_keeps_busy_at_30_s"] == 2.0


def asked(seconds: float, cpu_s: float, *, calls: int, writes: int) -> Asked:
    return Asked([seconds] * calls, [cpu_s] * calls, writes, calls - writes)


def costs(database: str) -> Costs:
    measured = {
        ("round", "tasks.active"): asked(0.5, 0.2, calls=2, writes=0),
        ("submit", "tasks.move"): asked(3.0, 1.0, calls=4, writes=4),
        ("generate", "claims.claim"): asked(1.0, 0.5, calls=2, writes=2),
        ("generate", "endpoints.named"): asked(1.0, 0.5, calls=2, writes=0),
        ("generate", "slots.is_next_in_line"): asked(1.0, 0.5, calls=2, writes=0),
        ("generate", "slots.acquire"): asked(1.0, 0.5, calls=2, writes=2),
        ("generate", "slots.release"): asked(1.0, 0.5, calls=2, writes=2),
    }
    dagster = {f"{what}_{unit}": 1.0 for what in ("create", "empty") for unit in ("s", "cpu_s", "storage_s")}
    dagster |= {"create_storage_cpu_s": 0.25, "empty_storage_cpu_s": 0.25}
    return costs_of(
        database,
        1,
        asked=measured,
        stage_cpu_s={"submit": 6.0, "round": 0.4},
        tasks=2,
        dagster=dagster,
        around={"poll_cpu_s": 0.01, "broker_s": 0.001},
    )


def test_a_writer_of_sqlite_excludes_others_all_the_time_and_a_reader_nobody() -> None:
    found = costs(SQLITE)
    assert found.submit == Demand(own_s=1.0, store_s=6.0), "two moves a task, and 2 of 6 CPU seconds beside"
    assert found.round == Demand(own_s=0.5)
    assert found.dagster == Demand(own_s=1.0, log_s=0.75)
    assert found.broker_s == 0.0


def test_of_postgresql_the_caller_s_own_work_is_no_load_of_the_server() -> None:
    found = costs(POSTGRESQL)
    assert found.submit == Demand(own_s=1.0 + 2 * 1.0, store_s=2 * 2.0)
    assert found.round == Demand(own_s=0.2, store_s=0.3)
    assert found.dagster == Demand(own_s=1.0, log_s=0.75)
    assert found.broker_s == 0.001
