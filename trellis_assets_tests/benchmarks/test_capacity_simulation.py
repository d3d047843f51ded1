"""The simulation's laws: on small queues whose figures are known."""

import random

import pytest
from capacity.simulation import Process, Simulation, Station, served


def arrivals(
    simulation: Simulation, station: Station, rate: float, service_s: float, *, seed: int
) -> list[float]:
    """Poisson arrivals with exponential services; the list fills with how long each was there."""
    chance, stays = random.Random(seed), []

    def customer() -> Process:
        came = simulation.now
        yield from served(station, chance.expovariate(1 / service_s))
        stays.append(simulation.now - came)

    def door() -> Process:
        while True:
            yield chance.expovariate(rate)
            simulation.start(customer())

    simulation.start(door())
    return stays


def test_who_is_alone_never_waits() -> None:
    simulation = Simulation()
    station = Station(simulation, 1)
    ends = []

    def loner() -> Process:
        for _ in range(10):
            yield from served(station, 2.0)
            ends.append(simulation.now)
            yield 1.0

    simulation.start(loner())
    simulation.run(100)
    assert ends == [2.0 + 3.0 * n for n in range(10)]


def test_of_several_the_first_is_served_first_and_time_does_not_go_back() -> None:
    simulation = Simulation()
    station = Station(simulation, 2)
    ends = []

    def customer(name: str, seconds: float) -> Process:
        yield from served(station, seconds)
        ends.append((name, simulation.now))

    for name, seconds in (("a", 5.0), ("b", 1.0), ("c", 1.0), ("d", 1.0)):
        simulation.start(customer(name, seconds))
    simulation.run(100)
    assert ends == [("b", 1.0), ("c", 2.0), ("d", 3.0), ("a", 5.0)]


def test_a_server_is_kept_until_it_is_released() -> None:
    simulation = Simulation()
    station = Station(simulation, 1)

    def holder() -> Process:
        yield station
        yield 4.0
        yield 6.0
        station.release()

    simulation.start(holder())
    simulation.run(5)
    assert (station.free, station.utilisation) == (0, 1.0)
    simulation.run(20)
    assert (station.free, station.utilisation) == (1, 0.5)


@pytest.mark.parametrize("servers", [1, 3])
def test_utilisation_is_arrivals_times_service_over_servers(servers: int) -> None:
    simulation = Simulation()
    station = Station(simulation, servers)
    arrivals(simulation, station, rate=0.6 * servers, service_s=1.0, seed=3)
    simulation.run(1_000)
    station.forget()
    simulation.run(21_000)
    assert station.utilisation == pytest.approx(0.6, abs=0.02)


def test_time_in_the_system_is_that_of_the_queue_whose_formula_is_known() -> None:
    simulation = Simulation()
    station = Station(simulation, 1)
    stays = arrivals(simulation, station, rate=0.5, service_s=1.0, seed=1)
    simulation.run(60_000)
    assert sum(stays) / len(stays) == pytest.approx(2.0, rel=0.05), "1 / (service rate - arrival rate)"


def test_where_more_arrives_than_can_be_served_the_queue_grows_and_the_server_never_rests() -> None:
    simulation = Simulation()
    station = Station(simulation, 1)
    stays = arrivals(simulation, station, rate=2.0, service_s=1.0, seed=2)
    simulation.run(1_000)
    assert station.utilisation == pytest.approx(1.0, abs=0.01)
    assert len(stays) == pytest.approx(1_000, rel=0.1), "no more than it can serve"
    assert station.waiting == pytest.approx(1_000, rel=0.15), "and the rest waits"
