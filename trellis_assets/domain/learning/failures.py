"""What fails: shares of models that came to nothing, by what they have in common, and what to change."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from trellis_assets.domain.learning.experiments import wilson
from trellis_assets.domain.learning.recorded import RecordedModel

# A word is looked at when so many prompts have it, and these words say nothing of the object.
LEAST_PROMPTS, MOST_WORDS = 5, 12
_WORD = re.compile(r"[^\W\d_]{3,}")
_COMMON = frozenset({"the", "and", "with", "for", "from", "that", "its", "into"})
_LONG_PROMPT = 12
# Parts of the local score that say how a model is made: low ones are thin, transparent, of holes.
_PARTS = {
    "solidity": "thin or cloudy",
    "opacity": "transparent",
    "closure": "with holes",
    "coverage": "small in view",
    "detail": "without detail",
}
_ADVICE = {
    "kind": "try a recipe with other sampler settings for this kind of prompt",
    "words": "try a recipe whose phrase names one whole object",
    "word": "look at these models in the gallery: a phrase that says what the object is may help",
    "splats": "try more structure steps, or a higher structure guidance",
    "solidity": "thin objects fail: try the picture route, or a phrase that asks for a solid object",
    "opacity": "opacities spread too little: try more latent steps or a lower latent guidance",
    "closure": "models have holes: try more structure steps",
    "coverage": "objects are small: try a phrase that asks for one object that fills the view",
    "detail": "try more latent steps",
}


@dataclass(frozen=True, slots=True)
class FailingGroup:
    """Models that have something in common.

    Attributes:
        by, value: what they have in common: `kind`, `image`.
        failed, models: how many came to nothing, of how many.
        share, low, high: that failed, with Wilson's 95 % interval.
        usual: share of all models.
        told: in words.
        advice: what to change; empty where nothing is told.
    """

    by: str
    value: str
    failed: int
    models: int
    share: float
    low: float
    high: float
    usual: float
    told: str
    advice: str


def failing_groups(models: Sequence[RecordedModel]) -> list[FailingGroup]:
    """Return each group's row: those that fail more than usual first, then by the number of models."""
    groups: dict[tuple[str, str], list[RecordedModel]] = defaultdict(list)
    words, quarters = _frequent_words(models), _quarters(models)
    for model in models:
        for group in _groups_of(model, words, quarters):
            groups[group].append(model)
    usual = sum(not model.is_accepted for model in models) / max(1, len(models))
    rows = [_row(by, value, of, usual) for (by, value), of in groups.items() if len(of) < len(models)]
    return sorted(rows, key=lambda row: (row.advice == "", -row.low if row.advice else 0.0, -row.models))


def _row(by: str, value: str, models: Sequence[RecordedModel], usual: float) -> FailingGroup:
    failed = sum(not model.is_accepted for model in models)
    low, high = wilson(failed, len(models))
    seen = f"{failed} of {len(models)}"
    told, advice = f"{seen} tells no difference from the usual {usual:.2f}", ""
    if low > usual:
        told, advice = f"{seen} fail: more than the usual {usual:.2f}", _ADVICE[by]
    elif high < usual:
        told = f"{seen} fail: less than the usual {usual:.2f}"
    return FailingGroup(by, value, failed, len(models), failed / len(models), low, high, usual, told, advice)


def _groups_of(
    model: RecordedModel, words: frozenset[str], quarters: dict[str, float]
) -> Iterator[tuple[str, str]]:
    yield "kind", model.kind
    if model.prompt:
        count = len(model.prompt.split())
        yield "words", f"more than {_LONG_PROMPT}" if count > _LONG_PROMPT else f"up to {_LONG_PROMPT}"
        for word in sorted(words & _words(model)):
            yield "word", word
    if "splats" in quarters:
        is_few = model.splat_count <= quarters["splats"]
        yield "splats", f"{'up to' if is_few else 'more than'} {quarters['splats']:,.0f}"
    for part, meaning in _PARTS.items():
        if part in model.parts and part in quarters:
            is_low = model.parts[part] <= quarters[part]
            yield part, f"{meaning} (up to {quarters[part]:.2f})" if is_low else f"over {quarters[part]:.2f}"


def _words(model: RecordedModel) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(model.prompt)) - _COMMON


def _frequent_words(models: Sequence[RecordedModel]) -> frozenset[str]:
    counts = Counter(word for model in models for word in _words(model))
    return frozenset(word for word, count in counts.most_common(MOST_WORDS) if count >= LEAST_PROMPTS)


def _quarters(models: Sequence[RecordedModel]) -> dict[str, float]:
    """The lower quartile of each measure that the models have."""
    found: dict[str, list[float]] = defaultdict(list)
    for model in models:
        found["splats"].append(float(model.splat_count))
        for part in _PARTS:
            if part in model.parts:
                found[part].append(model.parts[part])
    return {name: float(np.quantile(values, 0.25)) for name, values in found.items()}
