"""What the logs of the validators and the generation server say about a stretch of time."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

ENDED = ("accepted", "rejected", "handed_back", "bad_signature", "scoring_failed")


@dataclass(frozen=True, slots=True)
class TaskLifecycle:
    """When a task was handed out, generated (from and to) and answered, in unix seconds; None: not yet."""

    task_id: str
    assigned: float
    started: float | None = None
    ended: float | None = None
    arrived: float | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a stretch of time. Times in seconds; a figure without any task is not a number."""

    tasks: int
    tasks_per_hour: float
    busy_share: float
    pull_to_start_p50: float
    pull_to_start_p95: float
    end_to_sent_p50: float
    end_to_sent_p95: float


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a log without an incomplete last line."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def task_lifecycles(
    decisions: Iterable[dict[str, Any]], generations: Iterable[dict[str, Any]]
) -> list[TaskLifecycle]:
    """Return every task that was handed out, in that order; prompts match generations with tasks."""
    made: dict[str, dict[str, Any]] = {}
    for generation in generations:
        made.setdefault(generation["prompt"], generation)
    assigned: dict[str, tuple[float, str]] = {}
    answers: dict[str, tuple[float, str]] = {}
    for decision in decisions:
        moment = datetime.fromisoformat(decision["time"]).timestamp()
        if decision["event"] == "assigned":
            assigned[decision["task_id"]] = (moment, decision["prompt"])
        elif decision["event"] in ENDED:
            answers[decision["task_id"]] = (moment, decision["event"])
    found = []
    for task_id, (moment, prompt) in assigned.items():
        generation = made.get(prompt, {})
        arrived, outcome = answers.get(task_id, (None, None))
        started, ended = generation.get("started"), generation.get("ended")
        found.append(TaskLifecycle(task_id, moment, started, ended, arrived, outcome))
    return found


def figures(tasks: Sequence[TaskLifecycle], start: float, end: float) -> Figures:
    """Return the figures from `start` to `end`, by accepted results and by generations that began then."""
    accepted = [t for t in tasks if t.outcome == "accepted" and t.arrived and start < t.arrived <= end]
    begun = [t.started - t.assigned for t in tasks if t.started is not None and start < t.started <= end]
    sent = [t.arrived - t.ended for t in accepted if t.arrived is not None and t.ended is not None]
    # A generation under way has no line yet: the log is read a service time after the window's end.
    spans = [(t.started, t.ended) for t in tasks if t.started is not None and t.ended is not None]
    busy = sum(max(0.0, min(until, end) - max(since, start)) for since, until in spans)
    return Figures(
        tasks=len(accepted),
        tasks_per_hour=len(accepted) / (end - start) * 3600,
        busy_share=busy / (end - start),
        pull_to_start_p50=quantile(begun, 0.5),
        pull_to_start_p95=quantile(begun, 0.95),
        end_to_sent_p50=quantile(sent, 0.5),
        end_to_sent_p95=quantile(sent, 0.95),
    )


def quantile(values: Iterable[float], share: float) -> float:
    """Return the least value that this share of the values does not exceed."""
    ordered = sorted(values)
    if not ordered:
        return float("nan")
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def stretches(tasks: Sequence[TaskLifecycle], count: int) -> list[list[TaskLifecycle]]:
    """Yield accepted tasks in the order of their results, so many at a time; a remainder is left out."""
    accepted = sorted((t for t in tasks if t.outcome == "accepted"), key=lambda t: t.arrived or 0.0)
    return [accepted[n : n + count] for n in range(0, len(accepted) - count + 1, count)]
