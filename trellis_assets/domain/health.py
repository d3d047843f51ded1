"""What a look at the whole miner finds."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Health(StrEnum):
    """How a part is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Symptom:
    """What was found of one part.

    Attributes:
        text: what is so.
        advice: what to do about it; empty where there is nothing to do.
    """

    part: str
    health: Health
    text: str
    advice: str = ""


_ORDER = (Health.OK, Health.WARNING, Health.FAILED)


def worst(symptoms: Iterable[Symptom]) -> Health:
    """The health of the whole."""
    return max((s.health for s in symptoms), key=_ORDER.index, default=Health.OK)


def as_json(symptoms: Iterable[Symptom]) -> dict[str, Any]:
    """The symptoms for other programs."""
    listed = list(symptoms)
    return {"health": worst(listed), "parts": [asdict(symptom) for symptom in listed]}


# Where less is free, files cannot be written soon, or already.
SCARCE_BYTES, NO_BYTES = 5 * 10**9, 5 * 10**8


def judge_disk(free: int, folder: str) -> Symptom:
    """Whether models can still be written, by the free bytes of the folder's disk."""
    text = f"{free / 1e9:.1f} GB free for {folder}"
    advice = "make room, or lower TRELLIS_MODELS_MAX_GB and TRELLIS_KEEP_RUNS"
    if free < NO_BYTES:
        return Symptom("disk", Health.FAILED, text, advice)
    if free < SCARCE_BYTES:
        return Symptom("disk", Health.WARNING, text, advice)
    return Symptom("disk", Health.OK, text)
