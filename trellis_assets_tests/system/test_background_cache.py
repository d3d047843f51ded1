"""A value that is read in the background: nobody waits longer than they want, and one read runs at a time."""

import threading

from trellis_assets.system.background_cache import OLD_S, BackgroundCache, Reading
from trellis_assets.testing.waiting import wait_until


def test_the_first_viewer_waits_for_the_value_and_later_ones_do_not() -> None:
    values = iter(range(9))
    cache = BackgroundCache(lambda: next(values), lambda _: 60.0)
    assert cache.get(10.0) == Reading(0)
    assert cache.get() == Reading(0), "it is fresh"


def test_nobody_waits_longer_than_they_want_for_a_slow_read() -> None:
    release = threading.Event()
    cache = BackgroundCache(lambda: release.wait(30), lambda _: 60.0)
    assert cache.get(0.01) == Reading(None)
    release.set()
    assert cache.get(10.0) == Reading(True)


def test_an_old_value_is_shown_while_it_is_read_anew_and_only_once_at_a_time() -> None:
    begun, release = threading.Semaphore(0), threading.Semaphore(1)
    reads: list[int] = []

    def read() -> int:
        reads.append(1)
        begun.release()
        release.acquire()
        return len(reads)

    cache = BackgroundCache(read, lambda _: 0.0)
    assert cache.get(10.0).value == 1
    assert begun.acquire(timeout=10)
    assert [cache.get().value for _ in range(5)] == [1] * 5
    assert begun.acquire(timeout=10)
    assert len(reads) == 2
    release.release()
    wait_until(lambda: cache.get().value == 2, 10)
    release.release(9)


def test_a_value_that_nobody_wanted_for_long_is_not_shown_as_news() -> None:
    now, values = [0.0], iter(range(9))
    cache = BackgroundCache(lambda: next(values), lambda _: 10.0, timer=lambda: now[0])
    assert cache.get(10.0).value == 0
    now[0] = OLD_S + 1
    assert cache.get(10.0).value == 1


def test_an_error_is_told_by_its_type_and_the_last_value_stays() -> None:
    fails = [False]

    def read() -> str:
        if fails[0]:
            raise OSError("postgresql://user:secret@host")
        return "value"

    cache = BackgroundCache(read, lambda _: 0.0)
    assert cache.get(10.0) == Reading("value")
    fails[0] = True
    wait_until(lambda: cache.get() == Reading("value", "OSError"), 10)


def test_an_error_of_the_first_read_ends_the_wait() -> None:
    def read() -> str:
        raise OSError

    assert BackgroundCache(read, lambda _: 60.0).get(30.0) == Reading(None, "OSError")
