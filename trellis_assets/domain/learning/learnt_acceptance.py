"""What each validator accepts, as recorded tasks teach it, and how well that predicts their answers."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median

import numpy as np

from trellis_assets.domain.learning.acceptance import AcceptanceModel, Answers, fit_acceptance
from trellis_assets.domain.learning.beliefs import Beliefs
from trellis_assets.domain.learning.evidence import learn
from trellis_assets.domain.learning.experiments import validator_told, wilson
from trellis_assets.domain.learning.settled_tasks import Record, SettledTask, record_of

_ROUNDS = 3
# Answers are predicted from those before them, in so many parts.
_PARTS, _BINS = 5, 10


@dataclass(frozen=True, slots=True)
class ValidatorAcceptance:
    """What a validator accepts: its answers, and what the model makes of them at the usual local score.

    Attributes:
        share, low, high: accepted of answered, with Wilson's 95 % interval.
        predicted, predicted_low, predicted_high: by the acceptance model, shrunk towards all validators.
        alive: probability that it accepts anything.
        told: in words.
    """

    validator: str
    accepted: int
    answered: int
    share: float
    low: float
    high: float
    predicted: float
    predicted_low: float
    predicted_high: float
    alive: float
    told: str


def beliefs_of(tasks: Sequence[SettledTask], *, gpus: int, now_s: float) -> tuple[Record, Beliefs] | None:
    """Return the evidence of recorded tasks and what follows from it; None without tasks."""
    if not tasks:
        return None
    record = record_of(tasks, more=[], gpus=gpus, now_s=now_s)
    beliefs = learn(record.evidence)
    for _ in range(_ROUNDS - 1):
        beliefs = learn(record.evidence, beliefs)
    return record, beliefs


def acceptance_table(
    tasks: Sequence[SettledTask], record: Record, beliefs: Beliefs
) -> list[ValidatorAcceptance]:
    """Return each validator's row, those with most answers first; the usual score is the answers' median."""
    answered = [task for task in tasks if task.accepted is not None]
    scores = [task.score - task.threshold for task in answered if task.score is not None]
    usual_score = np.array([median(scores) if scores else 0.0])
    usual = sum(task.accepted is True for task in answered) / max(1, len(answered))
    rows = []
    for index, hotkey in enumerate(record.hotkeys):
        own = [task.accepted is True for task in answered if task.validator == hotkey]
        low, high = wilson(sum(own), len(own))
        model = beliefs.acceptance
        alive = float(model.alive[index])
        rows.append(
            ValidatorAcceptance(
                hotkey,
                sum(own),
                len(own),
                sum(own) / len(own) if own else 0.0,
                low,
                high,
                float(model.probability(usual_score, index)) * alive,
                *model.interval(usual_score, index),
                alive,
                validator_told(sum(own), len(own), usual),
            )
        )
    return sorted(rows, key=lambda row: -row.answered)


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Answers of about the same prediction: the mean prediction, and the share that was accepted."""

    predicted: float
    seen: float
    answers: int


def calibration(answers: Answers) -> list[CalibrationBin]:
    """Return predicted against seen acceptance, by the prediction.

    No answer is predicted by a model that has seen it: each fifth of the answers, but for the first, is
    predicted by a model of those before it.
    """
    edges = np.linspace(0, len(answers), _PARTS + 1).astype(int)
    predicted, seen = [], []
    for start, end in pairwise(edges.tolist()):
        if start in {0, end}:
            continue
        model = _fitted(answers, start)
        for index in range(start, end):
            validator = int(answers.validators[index])
            p = float(model.probability(answers.features[index], validator))
            predicted.append(p * float(model.alive[validator]))
            seen.append(bool(answers.accepted[index]))
    bins: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for p, is_accepted in zip(predicted, seen, strict=True):
        bins[min(_BINS - 1, int(p * _BINS))].append((p, is_accepted))
    return [
        CalibrationBin(fmean(p for p, _ in of), fmean(is_accepted for _, is_accepted in of), len(of))
        for _, of in sorted(bins.items())
    ]


def _fitted(answers: Answers, count: int) -> AcceptanceModel:
    first = Answers(
        answers.validators[:count],
        answers.features[:count],
        answers.accepted[:count],
        answers.times_s[:count],
        answers.count,
    )
    now_s = float(first.times_s[-1])
    model = fit_acceptance(first, now_s)
    return fit_acceptance(first, now_s, model)
