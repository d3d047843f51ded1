"""Report the progress of a sampler by the calls of its model."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from trellis_assets.ports import Watch

# Guidance calls each sampler's model twice a step, with and without the prompt.
_CALLS_PER_STEP = 2


@contextmanager
def watched(model: Any, stage: str, sampler: Mapping[str, float | int], watch: Watch) -> Iterator[None]:
    """Report every call of the sampler's model to `watch`, which may cancel the job there."""
    calls = 0
    expected = sampler["steps"] * _CALLS_PER_STEP

    def report(*_: object) -> None:
        nonlocal calls
        calls += 1
        watch(stage, min(1.0, calls / expected))

    hook = model.register_forward_pre_hook(report)
    try:
        yield
    finally:
        hook.remove()
