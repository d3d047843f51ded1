"""Which connections are kept, and how long: decisions without a socket."""

from dataclasses import replace

import pytest

from trellis_assets.servers.connections import (
    SEND_STEP,
    Connection,
    ConnectionLimits,
    ConnectionTable,
    Phase,
    affordable,
)

LIMITS = ConnectionLimits(total=4, per_peer=2, header_s=10, body_s=20, body_rate=1000, send_s=30)


@pytest.mark.parametrize(
    ("phase", "received", "age", "is_overdue"),
    [
        (Phase.HEADERS, 0, 9, False),
        (Phase.HEADERS, 5000, 11, True),
        (Phase.BODY, 0, 21, True),
        (Phase.BODY, 10_000, 29, False),
        (Phase.BODY, 10_000, 31, True),
        (Phase.WORKING, 0, 10_000, False),
        (Phase.WEBSOCKET, 0, 10_000, False),
    ],
)
def test_each_part_of_a_request_has_its_time(
    phase: Phase, received: int, age: float, is_overdue: bool
) -> None:
    connection = Connection("10.0.0.1", since=100.0, phase=phase, received=received)
    assert connection.is_overdue(LIMITS, 100.0 + age) is is_overdue


def test_a_peer_that_does_not_read_its_answer_is_cut_off() -> None:
    connection = Connection("10.0.0.1", since=0.0, phase=Phase.WORKING)
    connection.note_unsent(3 * SEND_STEP, 0.0)
    connection.note_unsent(3 * SEND_STEP - 1, 29.0)
    assert connection.is_overdue(LIMITS, 31.0), "a byte in half a minute is not reading"
    connection.note_unsent(2 * SEND_STEP - 1, 31.0)
    assert not connection.is_overdue(LIMITS, 60.0)
    connection.note_unsent(0, 61.0)
    assert not connection.is_overdue(LIMITS, 1000.0)


def test_the_time_of_a_phase_begins_with_it_and_not_with_each_byte() -> None:
    connection = Connection("10.0.0.1", since=0.0)
    for moment in range(11):
        connection.enter(Phase.HEADERS, float(moment))
    assert connection.is_overdue(LIMITS, 10.5)


def test_the_connection_that_waits_longest_makes_room() -> None:
    table: ConnectionTable[str] = ConnectionTable(LIMITS, 4)
    for number in range(4):
        table.admit(f"c{number}", "127.0.0.1", float(number))
    busy, _ = table.admit("c4", "127.0.0.1", 4.0)
    assert busy is not None
    assert "c0" not in table.members()
    assert len(table) == 4


def test_who_holds_the_most_connections_pays_for_the_next() -> None:
    table: ConnectionTable[str] = ConnectionTable(replace(LIMITS, per_peer=3), 4)
    table.admit("honest", "10.0.0.9", 0.0)
    for number in range(3):
        table.admit(f"flood{number}", "10.0.0.1", 1.0 + number)
    _, victim = table.admit("other", "10.0.0.8", 9.0)
    assert victim == "flood0"


def test_one_address_has_its_own_bound_and_loopback_has_not() -> None:
    table: ConnectionTable[str] = ConnectionTable(LIMITS, 4)
    for number in range(2):
        table.admit(f"a{number}", "10.0.0.1", float(number))
    assert table.admit("a2", "10.0.0.1", 5.0)[1] == "a0"
    table = ConnectionTable(LIMITS, 4)
    assert [table.admit(f"l{n}", "127.0.0.1", 0.0)[1] for n in range(4)] == [None] * 4


def test_connections_at_work_are_not_closed_for_another() -> None:
    table: ConnectionTable[str] = ConnectionTable(LIMITS, 4)
    for number in range(4):
        connection, _ = table.admit(f"c{number}", "127.0.0.1", 0.0)
        assert connection is not None
        connection.enter(Phase.WORKING, 1.0)
    assert table.admit("c4", "127.0.0.1", 2.0) == (None, None)
    table.drop("c1")
    assert table.admit("c4", "127.0.0.1", 2.0)[0] is not None


def test_half_of_the_connections_may_be_websockets() -> None:
    table: ConnectionTable[str] = ConnectionTable(LIMITS, 4)
    for number in range(2):
        connection, _ = table.admit(f"c{number}", "127.0.0.1", 0.0)
        assert connection is not None
        assert table.may_upgrade()
        connection.enter(Phase.WEBSOCKET, 1.0)
    assert not table.may_upgrade()


def test_the_bound_stays_below_the_limit_of_open_files() -> None:
    assert affordable(ConnectionLimits(total=256), 256, 40) == 76
    assert affordable(ConnectionLimits(total=256), 1_000_000, 40) == 256
    assert affordable(ConnectionLimits(total=256), 64, 40) == 8
