"""The models that a generation server keeps for who asks again."""

from trellis_assets.domain.generation_requests import GenerationRequest, Sampling
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.servers.generation.result_cache import ResultCache
from trellis_assets.testing.splats import a_ball


def a_request(seed: int, prompt: str = "a vase", sampling: Sampling | None = None) -> GenerationRequest:
    return GenerationRequest(prompt, TaskKind.TEXT, seed, sampling or Sampling())


def test_only_the_very_same_order_finds_the_model() -> None:
    kept, model = ResultCache(), a_ball(100)
    kept.keep(a_request(1), model)
    assert kept.get(a_request(1)) is model
    assert kept.get(a_request(2)) is None
    assert kept.get(a_request(1, "a cup")) is None
    assert kept.get(a_request(1, sampling=Sampling(slat_steps=3))) is None


def test_the_oldest_goes_when_there_are_too_many() -> None:
    kept = ResultCache(models=2)
    for seed in (1, 2, 1, 3):
        kept.keep(a_request(seed), a_ball(100))
    assert [kept.get(a_request(seed)) is not None for seed in (1, 2, 3)] == [True, False, True]


def test_memory_is_bounded_but_the_newest_model_is_always_kept() -> None:
    kept = ResultCache(max_bytes=1)
    kept.keep(a_request(1), a_ball(100))
    kept.keep(a_request(2), a_ball(100))
    assert kept.get(a_request(1)) is None
    assert kept.get(a_request(2)) is not None
