"""The list of validators: an outage of the chain stops no mining, and costs no task."""

from datetime import timedelta

import pytest

from trellis_assets.adapters.storage.store import SqlTaskStore
from trellis_assets.domain.validators import Validator
from trellis_assets.ports import MetagraphError
from trellis_assets.steps import listing
from trellis_assets.steps.listing import ValidatorListing
from trellis_assets_tests.fakes import FakeClock, ScriptedNetwork, a_validator


class Chain(ScriptedNetwork):
    """A network whose metagraph can be away."""

    def __init__(self) -> None:
        super().__init__([a_validator(1)])
        self.is_away = False
        self.asked = 0

    def metagraph(self) -> list[Validator]:
        self.asked += 1
        if self.is_away:
            raise MetagraphError("the chain is away")
        return self.validators


def listed_on(chain: Chain, store: SqlTaskStore, clock: FakeClock) -> ValidatorListing:
    return ValidatorListing(store, chain, clock, timedelta(hours=1))


def test_without_any_list_an_outage_is_told(store: SqlTaskStore, clock: FakeClock) -> None:
    chain = Chain()
    chain.is_away = True
    with pytest.raises(MetagraphError):
        listed_on(chain, store, clock).refresh()


def test_an_old_list_goes_on_to_serve_while_the_chain_is_away(store: SqlTaskStore, clock: FakeClock) -> None:
    chain = Chain()
    listed_on(chain, store, clock).refresh()
    clock.advance(3601)
    chain.is_away = True
    later = listed_on(chain, store, clock)
    assert later.is_old()
    later.refresh()
    assert [v.uid for v in later.validators()] == [1]
    assert not later.is_old(), "the chain is left alone for a while"


def test_a_chain_that_is_back_is_asked_again(
    store: SqlTaskStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "TRY_AGAIN_S", 0.0)
    monkeypatch.setattr(listing, "KEPT_S", 0.0)
    chain = Chain()
    kept = listed_on(chain, store, clock)
    kept.refresh()
    clock.advance(3601)
    chain.is_away = True
    kept.refresh()
    chain.is_away, chain.validators = False, [a_validator(2)]
    assert kept.is_old()
    kept.refresh()
    assert [v.uid for v in kept.validators()] == [2]


def test_a_fresh_list_is_not_asked_for_again(store: SqlTaskStore, clock: FakeClock) -> None:
    chain = Chain()
    kept = listed_on(chain, store, clock)
    assert kept.is_old()
    kept.refresh()
    clock.advance(3599)
    assert not kept.is_old()
    assert chain.asked == 1
