"""What the candidates of each recipe score, as they are recorded, and what one more is worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

import numpy as np

from trellis_assets.domain.learning.acceptance import AcceptanceModel
from trellis_assets.domain.learning.beliefs import Beliefs
from trellis_assets.domain.learning.recorded import RecordedCandidate
from trellis_assets.domain.learning.score_distribution import Scores, fit_scores
from trellis_assets.domain.learning.search import (
    Prices,
    candidate_cost,
    candidate_worth,
    reservation_value,
)
from trellis_assets.domain.learning.settled_tasks import Record


@dataclass(frozen=True, slots=True)
class RecipeScores:
    """What a recipe's candidates scored on one kind of prompt.

    Attributes:
        label: name and version.
        candidates, idle, judged: how many there are, made while idle, and with a local score.
        invalid: share that has a problem or failed a data check.
        mean, sd: of the judged valid ones; 0 without any.
        expected, expected_sd: mean by the score model, and how surely it is known.
        made_s: median seconds to make and judge one.
        reservation: the worth in hand at which one more just pays, with a usual validator; None where nothing
            is known of validators.
        scores: of the judged valid ones.
    """

    label: str
    kind: str
    candidates: int
    idle: int
    judged: int
    invalid: float
    mean: float
    sd: float
    expected: float
    expected_sd: float
    made_s: float
    reservation: float | None
    scores: tuple[float, ...]


def recipe_table(
    candidates: Sequence[RecordedCandidate], known: tuple[Record, Beliefs] | None
) -> list[RecipeScores]:
    """Return a row for each recipe and kind of prompt, those with most candidates first."""
    if not candidates:
        return []
    judged = [each for each in candidates if each.score is not None or not each.is_valid]
    cells = list(dict.fromkeys((each.label, each.kind) for each in candidates))
    labels = list(dict.fromkeys(label for label, _ in cells))
    prompts = list(dict.fromkeys(each.task_key for each in judged))
    of_prompt = {key: index for index, key in enumerate(prompts)}
    model = fit_scores(
        Scores(
            cells=np.array([cells.index((each.label, each.kind)) for each in judged], dtype=np.int64),
            prompts=np.array([of_prompt[each.task_key] for each in judged], dtype=np.int64),
            scores=np.array([each.score or 0.0 for each in judged]),
            valid=np.array([each.is_valid and each.score is not None for each in judged], dtype=np.bool_),
            count=len(cells),
        ),
        np.array([labels.index(label) for label, _ in cells], dtype=np.int64),
    )
    rows = []
    for index, (label, kind) in enumerate(cells):
        own = [each for each in candidates if (each.label, each.kind) == (label, kind)]
        scores = tuple(each.score for each in own if each.is_valid and each.score is not None)
        made_s = median(each.made_s for each in own)
        values, weights = model.sample(index, [])
        rows.append(
            RecipeScores(
                label,
                kind,
                len(own),
                sum(each.is_idle for each in own),
                sum(each.score is not None for each in own),
                sum(not each.is_valid for each in own) / len(own),
                fmean(scores) if scores else 0.0,
                float(np.std(scores, ddof=1)) if len(scores) > 1 else 0.0,
                float(model.means[index]),
                float(model.mean_sd[index]),
                made_s,
                _reservation(values, weights, made_s, known) if known is not None else None,
                scores,
            )
        )
    return sorted(rows, key=lambda row: -row.candidates)


def _reservation(
    scores: np.ndarray[tuple[int], np.dtype[np.float64]],
    weights: np.ndarray[tuple[int], np.dtype[np.float64]],
    made_s: float,
    known: tuple[Record, Beliefs],
) -> float:
    """The recipe's reservation value for a first candidate, with a validator of usual threshold and stake."""
    record, beliefs = known
    model, evidence = beliefs.acceptance, record.evidence
    features = (scores - float(np.median(evidence.thresholds)))[:, None]
    centred = AcceptanceModel(
        model.weights, model.covariance, np.zeros(1), np.zeros(1), np.ones(1), model.pool_sd, model.answers
    )
    prices = Prices(beliefs.market.gpu, float(np.mean(beliefs.market.clock)))
    worth = candidate_worth(centred.probability(features, 0), share=1.0, prices=prices, clock=evidence.clock)
    cost = candidate_cost(made_s, 0.0, prices, evidence.clock)
    return reservation_value(np.append(worth, 0.0), np.append(weights, 1 - weights.sum()), cost)
