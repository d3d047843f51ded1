"""The list of validators is read when it is old enough, and not twice in a moment."""

from datetime import timedelta

from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.earnings.economy import NeuronEconomy, SubnetEconomy
from trellis_assets.steps.notify import NotifyStep
from trellis_assets.steps.refresh_validators import MetagraphPolicy, RefreshValidatorsStep
from trellis_assets.testing.fakes import MINER, FakeClock, ScriptedNetwork, a_validator

TWO_MINUTES = timedelta(minutes=2)


def test_a_list_that_was_stored_a_moment_ago_is_not_read_again(store: SqlStore, clock: FakeClock) -> None:
    network = ScriptedNetwork([a_validator(1)])
    step = RefreshValidatorsStep(store.validators, store.polls, network, clock)
    assert [v.uid for v in step.run(TWO_MINUTES)] == [1], "nothing was stored yet"
    network.validators = [a_validator(1), a_validator(2)]
    clock.advance(60)
    assert [v.uid for v in step.run(TWO_MINUTES)] == [1]
    assert [v.uid for v in step.run()] == [1, 2]
    network.validators = [a_validator(3)]
    clock.advance(121)
    assert [v.uid for v in step.run(TWO_MINUTES)] == [3]


def an_economy(*emissions: float, places: int = 2) -> SubnetEconomy:
    """Return a subnet of so many neurons, of which the first is ours."""
    neurons = tuple(
        NeuronEconomy(uid, MINER if uid == 0 else f"5Other{uid}", 0.1, emission, 0.0, 0.0, 1.0, 1)
        for uid, emission in enumerate(emissions)
    )
    return SubnetEconomy(100_000, 360, 0.02, 7200, places, neurons)


def test_each_read_of_the_chain_keeps_what_our_own_neuron_is_paid(store: SqlStore, clock: FakeClock) -> None:
    network = ScriptedNetwork([a_validator(1)])
    policy = MetagraphPolicy(source="finney/17", earnings=store.earnings)
    step = RefreshValidatorsStep(store.validators, store.polls, network, clock, policy)
    step.run()
    assert store.earnings.latest("finney/17", MINER) is None, "the chain did not say"
    network.economy = an_economy(1.5, 3.0)
    step.run()
    clock.advance(3600)
    network.economy = an_economy(2.5, 3.0)
    step.run()
    clock.advance(5)
    network.economy = an_economy(9.0, 3.0)
    step.run()
    found = store.earnings.records("finney/17", MINER, clock.now() - TWO_MINUTES, clock.now())
    assert [record.emission_alpha for record in found] == [1.5, 2.5], "not again after five seconds"


def test_deregistration_that_has_become_near_is_told_once(store: SqlStore, clock: FakeClock) -> None:
    told: list[str] = []

    class Notes:
        def notify(self, text: str, link: str) -> bool:
            told.append(text)
            return True

    network = ScriptedNetwork([a_validator(1)])
    notify = NotifyStep(Notes(), clock)
    policy = MetagraphPolicy(source="finney/17", earnings=store.earnings, notify=notify)
    step = RefreshValidatorsStep(store.validators, store.polls, network, clock, policy)
    others = (5.0,) * 6
    for ours in (9.0, 1.0, 1.0):
        network.economy = an_economy(ours, *others, places=7)
        step.run()
        clock.advance(3600)
    assert told == [
        (
            "deregistration is near: uid 0 may be deregistered soon: it is number 1 in the order of removal "
            "of a full subnet; its emission is 1 alpha a tempo"
        )
    ]
