"""The list of validators: an outage of the chain stops no mining, and costs no task."""

from datetime import timedelta

import pytest

from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.metagraph import Metagraph
from trellis_assets.ports import MetagraphError
from trellis_assets.steps import metagraph_cache
from trellis_assets.steps.metagraph_cache import MetagraphCache
from trellis_assets.steps.notify import NotifyStep
from trellis_assets.steps.refresh_validators import MetagraphPolicy
from trellis_assets.testing.fakes import MINER, FakeClock, ScriptedNetwork, a_validator

SOURCE = "test/17"
_UNEXPECTED = "the list of validators cannot be read: IndexError"


class Chain(ScriptedNetwork):
    """A network whose metagraph can be away."""

    def __init__(self) -> None:
        super().__init__([a_validator(1)])
        self.is_unreachable = False
        self.error: Exception | None = None
        self.asked = 0

    def metagraph(self) -> Metagraph:
        self.asked += 1
        if self.error is not None:
            raise self.error
        if self.is_unreachable:
            raise MetagraphError("the chain is away")
        return super().metagraph()


def listed_on(chain: Chain, store: SqlStore, clock: FakeClock) -> MetagraphCache:
    return MetagraphCache(
        store.validators, store.polls, chain, clock, timedelta(hours=1), MetagraphPolicy(SOURCE)
    )


def registered_on(
    chain: Chain, store: SqlStore, clock: FakeClock, notify: NotifyStep | None = None
) -> MetagraphCache:
    """Return a list of a chain, which tells who is registered."""
    policy = MetagraphPolicy(SOURCE, registration="btcli subnets register --netuid 17", notify=notify)
    return MetagraphCache(store.validators, store.polls, chain, clock, timedelta(hours=1), policy)


def test_an_outage_without_any_list_is_reported(store: SqlStore, clock: FakeClock) -> None:
    chain = Chain()
    chain.is_unreachable = True
    with pytest.raises(MetagraphError):
        listed_on(chain, store, clock).refresh()


def test_an_old_list_is_used_while_the_chain_is_unreachable(store: SqlStore, clock: FakeClock) -> None:
    chain = Chain()
    listed_on(chain, store, clock).refresh()
    clock.advance(3601)
    chain.is_unreachable = True
    later = listed_on(chain, store, clock)
    assert later.is_old()
    later.refresh()
    assert [v.uid for v in later.validators()] == [1]
    assert not later.is_old(), "the chain is left alone for a while"


def test_a_chain_that_is_back_is_read_again(
    store: SqlStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metagraph_cache, "FRESH_S", 0.0)
    chain = Chain()
    kept = listed_on(chain, store, clock)
    kept.refresh()
    clock.advance(3601)
    chain.is_unreachable = True
    kept.refresh()
    chain.is_unreachable, chain.validators = False, [a_validator(2)]
    clock.advance(34)
    assert kept.is_old()
    kept.refresh()
    assert [v.uid for v in kept.validators()] == [2]
    assert store.validators.metagraph_read(SOURCE).failures == 0


@pytest.mark.parametrize("error", [MetagraphError("the chain is away"), IndexError("empty stakes")])
def test_every_error_of_a_read_is_followed_by_a_growing_pause(
    store: SqlStore, clock: FakeClock, error: Exception
) -> None:
    chain = Chain()
    chain.error = error
    pauses = []
    for _ in range(7):
        kept = listed_on(chain, store, clock)
        assert kept.is_old()
        with pytest.raises(MetagraphError):
            kept.refresh()
        next_at = store.validators.metagraph_read(SOURCE).next_read_at
        assert next_at is not None
        pauses.append((next_at - clock.now()).total_seconds())
        assert not listed_on(chain, store, clock).is_old(), "other processes wait too"
        clock.advance(pauses[-1])
    for pause, least in zip(pauses, (30, 60, 120, 300, 600, 600, 600), strict=True):
        assert least <= pause <= least * 1.1
    assert str(store.validators.metagraph_read(SOURCE).reason) in {"the chain is away", _UNEXPECTED}


def test_a_restart_during_an_outage_goes_on_with_the_stored_list(store: SqlStore, clock: FakeClock) -> None:
    chain = Chain()
    listed_on(chain, store, clock).refresh()
    clock.advance(5 * 3600)
    chain.is_unreachable = True
    restarted = listed_on(chain, store, clock)
    restarted.refresh()
    assert restarted.problem() is None
    assert [v.uid for v in restarted.validators()] == [1]


def test_the_list_of_another_network_does_not_serve(store: SqlStore, clock: FakeClock) -> None:
    chain = Chain()
    listed_on(chain, store, clock).refresh()
    clock.advance(60)
    chain.is_unreachable = True
    other = MetagraphCache(
        store.validators, store.polls, chain, clock, timedelta(hours=1), MetagraphPolicy("finney/17")
    )
    assert other.validators() == []
    assert other.is_old()
    with pytest.raises(MetagraphError):
        other.refresh()


def test_an_unregistered_hotkey_is_reported_with_the_command_and_read_for_every_five_minutes(
    store: SqlStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metagraph_cache, "FRESH_S", 0.0)
    chain = Chain()
    kept = registered_on(chain, store, clock)
    kept.refresh()
    assert "btcli subnets register" in str(kept.problem())
    clock.advance(299)
    assert not kept.is_old()
    clock.advance(2)
    assert kept.is_old()
    chain.validators.append(a_validator(9, hotkey=MINER))
    kept.refresh()
    assert kept.problem() is None
    clock.advance(3000)
    assert not kept.is_old()
    kept.doubt_registration()
    assert kept.is_old(), "a validator says that it does not know us"


def test_a_registration_ends_the_cooldowns_of_validators_that_did_not_know_the_hotkey(
    store: SqlStore, clock: FakeClock
) -> None:
    chain, hour = Chain(), timedelta(hours=1)
    registered_on(chain, store, clock).refresh()
    for hotkey, outcome in (("5Validator1", "NotRegistered"), ("5Validator2", "CoolingDown")):
        now = clock.now()
        store.polls.begin(MINER, hotkey, next_poll_at=now, now=now, max_backoff=hour)
        store.polls.record(MINER, hotkey, outcome=outcome, now=now, cooldown_until=now + hour)
    chain.validators.append(a_validator(9, hotkey=MINER))
    registered_on(chain, store, clock).refresh()
    times = store.polls.times(MINER)
    assert times["5Validator1"].cooldown_until is None
    assert times["5Validator2"].cooldown_until == clock.now() + hour


def test_a_deregistration_is_notified_once(store: SqlStore, clock: FakeClock) -> None:
    told: list[str] = []

    class Messages:
        def notify(self, text: str, _link: str) -> bool:
            told.append(text)
            return True

    chain = Chain()
    chain.validators.append(a_validator(9, hotkey=MINER))
    notify = NotifyStep(Messages(), clock)
    registered_on(chain, store, clock, notify).refresh()
    assert told == []
    chain.validators.pop()
    for _ in range(3):
        clock.advance(3601)
        registered_on(chain, store, clock, notify).refresh()
    assert len(told) == 1
    assert "btcli subnets register" in told[0]


def test_a_fresh_list_is_not_read_again(store: SqlStore, clock: FakeClock) -> None:
    chain = Chain()
    kept = listed_on(chain, store, clock)
    assert kept.is_old()
    kept.refresh()
    clock.advance(3599)
    assert not kept.is_old()
    assert chain.asked == 1
