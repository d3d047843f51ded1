"""The list of validators is read when it is old enough, and not twice in a moment."""

from datetime import timedelta

from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.steps.refresh_validators import RefreshValidatorsStep
from trellis_assets.testing.fakes import FakeClock, ScriptedNetwork, a_validator

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
