"""Threads that need a value at the same time get the same one."""

import threading
from concurrent.futures import ThreadPoolExecutor

from trellis_assets.system.once import once


def test_threads_that_come_before_the_first_value_wait_for_it_and_share_it() -> None:
    threads = 4
    all_have_come = threading.Barrier(threads)
    is_made = threading.Event()

    @once
    def value(_name: str) -> object:
        # Long enough that every thread has asked; without a lock each would be in here.
        is_made.wait(0.2)
        return object()

    def ask(_number: int) -> object:
        all_have_come.wait(30)
        return value("poller")

    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(ask, range(threads)))
    assert len(set(map(id, found))) == 1
    assert value("another") is not found[0]
