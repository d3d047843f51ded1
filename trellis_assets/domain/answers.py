"""The five questions of a miner's owner, answered in plain sentences."""

from collections.abc import Sequence
from dataclasses import dataclass

from trellis_assets.domain.advice import Advice, names_of
from trellis_assets.domain.overview import Outcomes, Overview
from trellis_assets.domain.statistics import standing, standing_change_per_hour

_LEAST_CHANGE = 0.5


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a question of the miner's owner.

    Attributes:
        text: plain sentences.
        link: where more is to be seen, and what it is called.
    """

    question: str
    text: str
    link: str
    link_text: str


def answers(overview: Overview, advice: Sequence[Advice], earnings: str = "", cost: str = "") -> list[Answer]:
    """Return the answers to all five.

    Args:
        overview: the figures.
        advice: what to change, the most urgent first.
        earnings: what the chain pays, as a sentence; empty where it was not read.
        cost: what the last day cost, as a sentence; empty where it is not known.
    """
    return [
        Answer("Am I earning?", _earning(overview, earnings), "#earnings", "Earnings and cost"),
        Answer("Which validator pays?", _paying(overview), "/report?name=validators&form=html", "Validators"),
        Answer(
            "Which prompts fail?",
            _failing(overview),
            "/models?tasks=all&outcome=rejected",
            "Rejected results",
        ),
        Answer("What did today cost?", _cost(overview, cost), "#earnings", "Earnings and cost"),
        Answer(
            "What should I change?",
            f"{advice[0].text}." if advice else "Nothing, by these figures and checks.",
            advice[0].link if advice else "#advice",
            "More" if advice else "What to do next",
        ),
    ]


def _earning(overview: Overview, earnings: str) -> str:
    day, before = overview.last_day, overview.day_before
    if not day.tasks:
        said = "No task ended in the last 24 hours"
    elif not day.answered:
        said = "No validator answered a result in the last 24 hours"
    else:
        said = f"Validators accepted {day.acceptance} results in the last 24 hours"
        said += f", {before.acceptance} the day before" if before.answered else ""
    level = standing(overview.validators)
    changes = standing_change_per_hour(overview.validators)
    trend = f", {'rising' if changes > 0 else 'falling'} by {abs(changes):,.0f} an hour"
    held = f" Your standing with all validators together is {level:,.0f}" + (
        trend if abs(changes) >= _LEAST_CHANGE else ""
    )
    paid = earnings or "No earnings read yet"
    return f"{paid}. {said}.{held}."


def _paying(overview: Overview) -> str:
    by_hotkey: dict[str, list[float]] = {}
    for validator in overview.validators:
        by_hotkey.setdefault(validator.hotkey, []).append(validator.last_reward or 0.0)
    levels = {hotkey: sum(rewards) for hotkey, rewards in by_hotkey.items()}
    together_ = sum(levels.values())
    if together_ <= 0:
        return "None yet: no validator has named a standing."
    names = names_of(overview.validators)
    best = max(levels, key=lambda hotkey: levels[hotkey])
    zero = sum(1 for level in levels.values() if level <= 0)
    share = 100 * levels[best] / together_
    text = f"{names[best]} pays most: it holds {levels[best]:,.0f} of your standing, {share:.0f} % of all."
    return f"{text} {zero:,} of {len(levels):,} validators hold none." if zero else text


def _failing(overview: Overview) -> str:
    if not overview.last_day.tasks:
        return "No task ended in the last 24 hours."
    kinds = [f"{_share_of(of)} for {kind} prompts" for kind, of in overview.by_kind.items() if of.answered]
    accepted = f"Validators accepted {' and '.join(kinds)}." if kinds else "No result was answered."
    if not overview.reasons:
        return f"{accepted} Every task brought an accepted result."
    reason, tasks = overview.reasons[0]
    return f"{accepted} What fails most: {reason} ({tasks:,} tasks)."


def _share_of(of: Outcomes) -> str:
    return str(of.acceptance)


def _cost(overview: Overview, cost: str) -> str:
    day = overview.last_day
    used = f"Generation took {_hours(day.generation_s)} in the last 24 hours"
    if day.accepted:
        used += f", {_hours(day.generation_s / day.accepted)} for each accepted result"
    return f"{cost or 'No cost is known yet'}. {used}."


def _hours(seconds: float) -> str:
    if seconds < 120:  # noqa: PLR2004 - minutes from then on
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * 3600 else f"{seconds / 3600:.1f} h"
