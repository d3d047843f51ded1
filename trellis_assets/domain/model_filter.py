"""Which models a visitor of the gallery wants to see."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from trellis_assets.domain.tasks import TaskState
from trellis_assets.system.compat import UTC

MAX_TEXT = 200
# Digits of the largest number that databases hold, less one.
_LONGEST_KEY = 18


class FilterError(ValueError):
    """What was asked for is no filter; the text says what would be."""


@dataclass(frozen=True, slots=True)
class ModelFilter:
    """What is not None narrows the choice.

    Attributes:
        least_score: of the validator's fidelity, or of the local score where there is none, 0 to 1.
        day: its first moment, UTC; the day is that of the pull.
        text: part of the prompt, whatever the case of its letters.
        outcome: state of the task.
        has_model: only tasks with a model.
        before: only tasks with smaller keys: where a page ended.
    """

    validator: str | None = None
    least_score: float | None = None
    day: datetime | None = None
    text: str | None = None
    outcome: TaskState | None = None
    has_model: bool = True
    before: int | None = None

    @property
    def next_day(self) -> datetime | None:
        """Return the first moment after the day."""
        return self.day + timedelta(days=1) if self.day is not None else None


def filter_from(values: Mapping[str, str]) -> ModelFilter:
    """Return the filter of a form or a URL; empty values do not filter.

    Raises:
        FilterError: a value that cannot be meant.
    """
    given = {name: value.strip() for name, value in values.items() if value.strip()}
    for name in ("text", "validator"):
        # No task has such text, and PostgreSQL refuses to look for it.
        if "\0" in given.get(name, ""):
            raise FilterError(f"{name}: no text has a NUL character")
    text = given.get("text")
    if text is not None and len(text) > MAX_TEXT:
        raise FilterError(f"text: at most {MAX_TEXT} characters")
    return ModelFilter(
        validator=given.get("validator"),
        least_score=_score(given["score"]) if "score" in given else None,
        day=_day(given["day"]) if "day" in given else None,
        text=text,
        outcome=_outcome(given["outcome"]) if "outcome" in given else None,
        has_model=given.get("tasks") != "all",
        before=_key(given["before"]) if "before" in given else None,
    )


def _score(text: str) -> float:
    try:
        score = float(text)
    except ValueError:
        raise FilterError(f"score: a number from 0 to 1, not {text!r:.40}") from None
    if not 0 <= score <= 1:
        raise FilterError(f"score: a number from 0 to 1, not {text!r:.40}")
    return score


def _outcome(text: str) -> TaskState:
    if text not in set(TaskState):
        raise FilterError(f"outcome: one of {', '.join(TaskState)}, not {text!r:.40}")
    return TaskState(text)


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise FilterError(f"day: a day like 2026-11-23, not {text!r:.40}") from None


def _key(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_KEY):
        raise FilterError(f"before: the number of a task, not {text!r:.40}")
    return int(text)
