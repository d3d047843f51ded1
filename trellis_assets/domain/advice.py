"""What a miner's owner should change, by the figures of the last day and the health checks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from urllib.parse import quote

from trellis_assets.domain.diagnostics import CheckResult, Health
from trellis_assets.domain.earnings.report import EarningsReport
from trellis_assets.domain.overview import Outcomes, Overview
from trellis_assets.domain.shares import Share
from trellis_assets.domain.statistics import ValidatorCounters

# A validator that accepts none of so many results is worth a look.
_MANY_RESULTS = 8
# Fewer tasks say nothing of what is usual.
_MANY_TASKS = 20
_MUCH_UNSUBMITTED = 0.25
# A shorter wait is the start of a run.
_LONG_WAIT_S = 10.0
# A miner cannot change that a validator serves a prompt twice.
_USUAL_REASONS = ("duplicate",)


@dataclass(frozen=True, slots=True)
class Advice:
    """Something to change.

    Attributes:
        text: what is so, and what to do.
        link: where more is to be seen, on the gallery.
    """

    text: str
    link: str


def advise(
    overview: Overview | None, checks: Iterable[CheckResult], earnings: EarningsReport | None = None
) -> list[Advice]:
    """Return what to change, the most urgent first; nothing where all is well by the figures.

    Args:
        overview: None while it was not read.
        checks: results of health checks.
        earnings: of the last 24 hours; None while they were not read.
    """
    listed = list(checks)
    of_checks = {
        health: [Advice(_told(result), "#doctor") for result in listed if result.health is health]
        for health in (Health.FAILED, Health.WARNING)
    }
    figures = [] if overview is None else _of_figures(overview)
    risk = earnings.deregistration if earnings is not None else None
    at_risk = [Advice(risk.rstrip("."), "#earnings")] if risk else []
    return of_checks[Health.FAILED] + at_risk + figures + of_checks[Health.WARNING]


def _told(result: CheckResult) -> str:
    return f"{result.part}: {result.text}" + (f". To do: {result.advice}" if result.advice else "")


def _of_figures(overview: Overview) -> list[Advice]:
    found = [
        *_fallen(overview),
        *_silent_validators(overview),
        *_weak(overview.by_kind, "Of results for {} prompts", "kind"),
        *_weak(overview.by_endpoint, "Of results made by {}", "endpoint"),
        *_unsubmitted(overview),
        *_queue(overview),
    ]
    return [Advice(text, link) for text, link in found]


def _fallen(overview: Overview) -> list[tuple[str, str]]:
    now, before = overview.last_day.acceptance, overview.day_before.acceptance
    if not now.is_below(before):
        return []
    text = (
        f"Validators accept less than the day before: {now}, then {before}. Look at what changed: "
        "the generator, its settings, or one validator"
    )
    return [(text, "#charts")]


def _silent_validators(overview: Overview) -> list[tuple[str, str]]:
    names = names_of(overview.validators)
    silent = {
        hotkey: of.answered
        for hotkey, of in overview.by_validator.items()
        if of.answered >= _MANY_RESULTS and not of.accepted
    }
    return [
        (
            f"{names.get(hotkey, hotkey[:8])} accepted none of {answered:,} results: look at its answers",
            f"/models?tasks=all&outcome=rejected&validator={quote(hotkey)}",
        )
        for hotkey, answered in silent.items()
    ]


def _weak(groups: Mapping[str, Outcomes], what: str, name: str) -> list[tuple[str, str]]:
    """Name the group that validators accept less of than of the others together, beyond chance."""
    found = []
    for group, of in groups.items():
        others = [other for key, other in groups.items() if key != group]
        rest = Share(sum(o.accepted for o in others), sum(o.answered for o in others))
        if of.acceptance.is_below(rest):
            text = f"{what.format(group)} validators accept {of.acceptance}, of the others {rest}"
            found.append((text, f"#by-{name}"))
    return found


def _unsubmitted(overview: Overview) -> list[tuple[str, str]]:
    day = overview.last_day
    share = Share(day.handed_back + day.failed, day.tasks)
    reasons = [
        (reason, tasks)
        for reason, tasks in overview.reasons
        if not reason.startswith(("rejected", *_USUAL_REASONS))
    ]
    if day.tasks < _MANY_TASKS or (share.value or 0.0) < _MUCH_UNSUBMITTED or not reasons:
        return []
    reason, tasks = reasons[0]
    text = f"{share} tasks were not submitted. The commonest reason: {reason} ({tasks:,})"
    return [(text, "#not_accepted_by_reason")]


def _queue(overview: Overview) -> list[tuple[str, str]]:
    waits = [task.queue_s for task in overview.ended if task.queue_s is not None]
    made = [task.generation_s for task in overview.ended if task.generation_s is not None]
    if len(waits) < _MANY_TASKS or not made or median(waits) <= max(_LONG_WAIT_S, 2 * median(made)):
        return []
    text = (
        f"A task waits {median(waits):.0f} s for a generation of {median(made):.0f} s (medians): "
        "another generation endpoint would earn more"
    )
    return [(text, "#seconds_by_stage")]


def names_of(validators: Sequence[ValidatorCounters]) -> dict[str, str]:
    """Return the validators' names by hotkey."""
    return {validator.hotkey: f"uid {validator.uid}" for validator in validators}
