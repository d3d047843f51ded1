"""View models: what the gallery's pages show of tasks, as text that is still to be escaped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from trellis_assets.domain.candidates import StoredCandidate, describe_candidate
from trellis_assets.domain.columns.column import Part
from trellis_assets.domain.columns.task_columns import columns_of_part
from trellis_assets.domain.generation_requests import PictureKind
from trellis_assets.domain.tasks import Task, TaskKind, printable

_LONGEST_PROMPT = 1024


@dataclass(frozen=True, slots=True)
class Card:
    """A task in the grid."""

    key: int
    prompt: str
    state: str
    validator: str
    scores: str
    when: str
    is_image: bool
    has_model: bool


def card(task: Task) -> Card:
    """Return what the grid shows of a task."""
    return Card(
        key=task.key,
        prompt=prompt_line(task),
        state=str(task.state).replace("_", " "),
        validator=f"uid {task.validator_uid}" if task.validator_uid is not None else "no validator",
        scores=" / ".join(f"{name} {value:.3f}" for name, value in _scores(task)) or "no score",
        when=_moment(task.pulled_at),
        is_image=task.kind is TaskKind.IMAGE,
        has_model=task.generation is not None,
    )


def prompt_line(task: Task) -> str:
    """Return the whole prompt in one line; of an image prompt its hash."""
    return task.label if task.kind is TaskKind.IMAGE else printable(task.prompt, _LONGEST_PROMPT)


def facts(task: Task) -> list[tuple[str, str]]:
    """Return names and values of all facts about a task and its model."""
    found: list[tuple[str, object]] = [
        ("state", str(task.state).replace("_", " ")),
        ("reason", printable(task.reason, _LONGEST_PROMPT) if task.reason else None),
        ("task", task.task_id),
        ("validator", _validator(task)),
        ("kind", task.kind),
        ("pulled", _moment(task.pulled_at)),
    ]
    found += _labelled(task, Part.GENERATION)
    if verdict := task.verdict:
        found += [("local score", f"{verdict.score:.4f} by {verdict.validator}")]
        found += [(f"local {name}", f"{value:.4f}") for name, value in sorted(verdict.parts.items())]
        found += [("failed check", check) for check in verdict.failed_checks]
    found += _labelled(task, Part.FEEDBACK)
    return [(name, printable(str(value), _LONGEST_PROMPT)) for name, value in found if value is not None]


def _labelled(task: Task, part: Part) -> list[tuple[str, object]]:
    """Return label and text of the part's columns that the gallery shows and that hold something."""
    shown = ((column, column.value_in(task)) for column in columns_of_part(part) if column.label is not None)
    return [(str(c.label), c.show(value)) for c, value in shown if value is not None and value is not False]


def made_from(task: Task) -> list[tuple[str, str]]:
    """Return address and caption of each picture that the model was made from."""
    made = task.generation
    kept = {PictureKind.PICTURE: made.picture, PictureKind.CUT: made.cut} if made else {}
    captions = {PictureKind.PICTURE: "picture of the prompt", PictureKind.CUT: "object cut out of it"}
    return [
        (f"/models/{task.key}/made-from/{kind}.webp", captions[kind])
        for kind, file in kept.items()
        if file is not None
    ]


@dataclass(frozen=True, slots=True)
class CandidateCard:
    """A candidate on its task's page; without an address where its file is gone or was never stored."""

    address: str | None
    caption: str
    is_chosen: bool


def candidate_cards(key: int, candidates: Sequence[StoredCandidate]) -> list[CandidateCard]:
    """Return what a task's page shows of its candidates."""
    return [
        CandidateCard(
            f"/models/{key}/candidates/{candidate_name(each)}.webp" if each.is_usable else None,
            printable(describe_candidate(each), _LONGEST_PROMPT),
            each.is_chosen,
        )
        for each in candidates
    ]


def candidate_name(candidate: StoredCandidate) -> str:
    """Return the candidate's name in addresses: `0`, or `idle-0`."""
    return f"idle-{candidate.number}" if candidate.is_idle else str(candidate.number)


def older_page(tasks: Sequence[Task], given: dict[str, str]) -> str | None:
    """Return the URL of the page of older tasks."""
    kept = {name: value for name, value in given.items() if value and name != "before"}
    return f"/models?{urlencode(kept | {'before': str(tasks[-1].key)})}" if tasks else None


def _validator(task: Task) -> str | None:
    hotkey = task.validator_hotkey
    return f"uid {task.validator_uid}, {hotkey}" if hotkey else None


def _scores(task: Task) -> list[tuple[str, Any]]:
    found = []
    if task.verdict:
        found.append(("local", task.verdict.score))
    if task.feedback and task.feedback.task_fidelity_score is not None:
        found.append(("fidelity", task.feedback.task_fidelity_score))
    return found


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
