"""A cached value is read again when it has expired, and not sooner."""

import doctest

import pytest

from trellis_assets.system import bounded_cache, expiring_cache
from trellis_assets.system.expiring_cache import AdaptiveCache, ExpiringCache


class Reader:
    """A value that counts its reads, each of which takes `took_s` on its clock."""

    def __init__(self, took_s: float = 0.0) -> None:
        self.now, self.reads, self.took_s = 100.0, 0, took_s

    def __call__(self) -> int:
        self.now += self.took_s
        self.reads += 1
        return self.reads


def test_a_value_is_read_again_only_after_its_lifetime() -> None:
    reader = Reader()
    cache = ExpiringCache(0, lambda _took_s: 5.0, timer=lambda: reader.now)
    assert (cache.get(reader), cache.get(reader)) == (1, 1)
    reader.now += 5.0
    assert cache.get(reader) == 2


def test_an_expired_value_is_read_at_once() -> None:
    reader = Reader()
    cache = ExpiringCache(0, lambda _took_s: 5.0, timer=lambda: reader.now)
    cache.get(reader)
    cache.expire()
    assert cache.get(reader) == 2


def test_a_failed_read_is_raised_and_the_next_call_reads_again() -> None:
    cache = ExpiringCache(0, lambda _took_s: 5.0)

    def fail() -> int:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        cache.get(fail)
    assert cache.get(lambda: 7) == 7


def test_an_adaptive_cache_keeps_a_value_longer_the_longer_its_read_took() -> None:
    reader = Reader(took_s=1.0)
    cache = AdaptiveCache(0, times_cheaper=10, timer=lambda: reader.now)
    cache.get(reader)
    reader.now += 8.9
    assert cache.get(reader) == 1
    reader.now += 0.2
    assert cache.get(reader) == 2


@pytest.mark.parametrize("module", [bounded_cache, expiring_cache])
def test_worked_examples_of_the_caches_are_true(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]
