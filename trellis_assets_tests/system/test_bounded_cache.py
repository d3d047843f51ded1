"""The least recently used entries of a bounded cache go first."""

from trellis_assets.system.bounded_cache import BoundedCache


def test_the_least_recently_used_entry_goes_when_there_are_too_many() -> None:
    cache: BoundedCache[str, int] = BoundedCache(entries=2)
    cache.keep("a", 1)
    cache.keep("b", 2)
    assert cache.get("a") == 1
    cache.keep("c", 3)
    assert [cache.get(key) for key in "abc"] == [1, None, 3]


def test_entries_go_when_their_sizes_exceed_the_bound_but_the_newest_stays() -> None:
    cache: BoundedCache[str, bytes] = BoundedCache(entries=9, size=250, size_of=len)
    for key in "abc":
        cache.keep(key, bytes(100))
    assert [cache.get(key) is not None for key in "abc"] == [False, True, True]
    cache.keep("large", bytes(1000))
    assert [cache.get(key) is not None for key in ("b", "c", "large")] == [False, False, True]


def test_a_popped_entry_is_returned_once() -> None:
    cache: BoundedCache[str, int] = BoundedCache(entries=2)
    cache.keep("a", 1)
    assert (cache.pop("a"), cache.pop("a")) == (1, None)
