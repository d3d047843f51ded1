"""What the store knows of generation endpoints, across restarts and processes."""

from datetime import timedelta

from trellis_assets.adapters.storage.store import SqlStore, open_store
from trellis_assets.domain.endpoints.breaker import FAILURES_TO_TRIP, BreakerState, Outcome
from trellis_assets.domain.endpoints.endpoints import Endpoint, Probe
from trellis_assets.domain.tasks import LEASE, TaskState
from trellis_assets.testing.fakes import MINER, NOW, FakeClock, a_generation, a_pulled_task, a_validator
from trellis_assets.testing.leases import let_leases_end

UNTIL = NOW + LEASE
FAILED = Outcome(1.0, "answered 500")


def fail(store: SqlStore, endpoint: str, times: int) -> None:
    for task in range(times):
        assert store.slots.acquire([endpoint], task, now=NOW, until=UNTIL) == endpoint
        store.slots.release(endpoint, task, now=NOW, outcome=FAILED)


def test_an_endpoint_that_failed_in_a_row_is_not_offered_until_it_has_rested(store: SqlStore) -> None:
    fail(store, "a", FAILURES_TO_TRIP)
    assert store.slots.acquire(["a", "b"], 8, now=NOW, until=UNTIL) == "b"
    assert store.slots.acquire(["a"], 9, now=NOW, until=UNTIL) is None
    later = NOW + timedelta(seconds=7)
    assert store.slots.acquire(["a"], 9, now=later, until=later + LEASE) == "a"
    assert store.slots.acquire(["a"], 10, now=later, until=later + LEASE) is None, "one task tries it"
    store.slots.release("a", 9, now=later, outcome=FAILED)
    assert store.slots.acquire(["a"], 10, now=later, until=later + LEASE) is None
    much_later = later + timedelta(seconds=13)
    assert store.slots.acquire(["a"], 10, now=much_later, until=much_later + LEASE) == "a"
    store.slots.release("a", 10, now=much_later, outcome=Outcome(4.0))
    assert store.slots.acquire(["a"], 11, now=much_later, until=much_later + LEASE) == "a"


def test_a_run_that_died_while_it_tried_an_endpoint_leaves_it_to_the_next(store: SqlStore) -> None:
    store.endpoints.record_probes([Probe("a", "away")], NOW)
    store.endpoints.record_probes([Probe("a")], NOW)
    assert store.slots.acquire(["a"], 1, now=NOW, until=UNTIL) == "a"
    let_leases_end(store, FakeClock())
    assert store.slots.acquire(["a"], 2, now=UNTIL, until=UNTIL + LEASE) == "a"


def test_a_generation_that_says_nothing_of_its_endpoint_changes_nothing(store: SqlStore) -> None:
    fail(store, "a", 1)
    before = store.endpoints.named(["a"])
    store.slots.acquire(["a"], 1, now=NOW, until=UNTIL)
    store.slots.release("a", 1, now=NOW, outcome=None)
    assert store.endpoints.named(["a"]) == before


def test_endpoints_are_given_in_the_order_asked_for_and_outlive_the_process(
    store: SqlStore, database_url: str
) -> None:
    for seconds in (4.0, 6.0):
        store.slots.release("b", 1, now=NOW, outcome=Outcome(seconds))
    store.slots.release("b", 1, now=NOW, outcome=FAILED)
    again = open_store(database_url)
    new, used = again.endpoints.named(["a", "b"])
    again.close()
    assert new == Endpoint("a")
    assert (used.name, used.recent_s, used.generations, used.failures) == ("b", (4.0, 6.0), 2, 1)
    assert (used.generation_s, used.last_error, used.last_failed_at) == (10.0, "answered 500", NOW)
    assert used.breaker.failures_in_a_row == 1


def arrived(store: SqlStore, task_id: str) -> int:
    return store.arrivals.record(
        a_pulled_task(task_id, task_id),
        validator=a_validator(1),
        miner_hotkey=MINER,
        now=NOW,
        session_id=None,
    ).task.key


def test_who_holds_an_endpoint_and_since_when_is_known_until_its_lease_ends(store: SqlStore) -> None:
    key = arrived(store, "t")
    store.slots.acquire(["a"], key, now=NOW, until=UNTIL)
    (held,) = store.endpoints.named(["a"])
    assert (held.held_by, held.began_at) == (key, None)
    began = NOW + timedelta(seconds=2)
    store.tasks.move(key, TaskState.GENERATING, now=began)
    (held,) = store.endpoints.named(["a"])
    assert (held.held_by, held.began_at) == (key, began)
    let_leases_end(store, FakeClock())
    (dead,) = store.endpoints.named(["a"])
    assert (dead.held_by, dead.began_at) == (None, None)


def test_statistics_tell_what_each_endpoint_did_and_how_busy_it_was(store: SqlStore) -> None:
    session = store.sessions.start(NOW, {})
    for number, endpoint in enumerate(["a", "a", "b"]):
        key = arrived(store, f"t{number}")
        made = a_generation(duration_s=300.0, endpoint=endpoint, finished_at=NOW + timedelta(seconds=600))
        store.tasks.move(key, TaskState.GENERATED, now=NOW, generation=made)
        assert store.tasks.get(key).generation == made
        store.slots.release(endpoint, key, now=NOW, outcome=Outcome(300.0))
    store.endpoints.record_probes([Probe("b", "cannot be reached")], NOW + timedelta(seconds=1200))
    snapshot = store.statistics.snapshot(session, NOW + timedelta(seconds=1200))
    a, b = snapshot.endpoints
    assert (a.name, a.generations, a.generation_s, a.busy_share) == ("a", 2, 600.0, 0.5)
    assert (b.name, b.generations, b.busy_share) == ("b", 1, 0.25)
    assert b.breaker.state(snapshot.taken_at) is BreakerState.OPEN
    much_later = store.statistics.snapshot(None, NOW + timedelta(hours=3))
    assert [e.busy_share for e in much_later.endpoints] == [0.0, 0.0], "of the last hour"
