"""What was learnt, with what it rests on; as JSON, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trellis_assets.domain.learning.acceptance import AcceptanceModel
from trellis_assets.domain.learning.beliefs import Beliefs
from trellis_assets.domain.learning.prices import Load, Market
from trellis_assets.domain.learning.score_distribution import ScoreModel
from trellis_assets.domain.learning.search import Clock

# Changes with the meaning of what is stored: what another version stored is learnt anew.
VERSION = 1
# Learnt anew after so many settled tasks, or after so many seconds if there was any.
AFTER_TASKS, AFTER_S = 25, 600.0


@dataclass(frozen=True, slots=True, eq=False)
class Learnt:
    """Beliefs, and what they rest on.

    Attributes:
        beliefs: of validators, recipes and prices.
        hotkeys: of the validators, by their index in the beliefs.
        mean_stake: of these validators, TAO; their shares are in units of it.
        accepted, rejected: answers to results that have a local score.
        candidates: with a local score or a problem.
        newest_task: key of the newest settled task; 0 without any.
    """

    beliefs: Beliefs
    hotkeys: tuple[str, ...]
    mean_stake: float
    accepted: int
    rejected: int
    candidates: int
    newest_task: int

    @property
    def recipes(self) -> set[str]:
        """Return the labels of the recipes that are known."""
        return {recipe for recipe, _ in self.beliefs.cells}


def is_outdated(settled: int, age_s: float) -> bool:
    """Return whether to learn anew.

    Args:
        settled: tasks since it was learnt.
        age_s: of what was learnt; negative after a clock was set back.

    Examples:
        >>> is_outdated(3, 60.0), is_outdated(25, 60.0), is_outdated(1, 700.0), is_outdated(0, 7000.0)
        (False, True, True, False)
    """
    return settled >= AFTER_TASKS or (settled > 0 and not 0 <= age_s < AFTER_S)


def as_json(learnt: Learnt) -> dict[str, Any]:
    """Return it as JSON: numbers and texts alone."""
    beliefs = learnt.beliefs
    acceptance, scores, market, clock = (
        beliefs.acceptance,
        beliefs.scores,
        beliefs.market,
        beliefs.clock,
    )
    return {
        "version": VERSION,
        "hotkeys": list(learnt.hotkeys),
        "mean_stake": learnt.mean_stake,
        "accepted": learnt.accepted,
        "rejected": learnt.rejected,
        "candidates": learnt.candidates,
        "newest_task": learnt.newest_task,
        "most": beliefs.most,
        "shares": _plain(beliefs.shares),
        "cells": [list(cell) for cell in beliefs.cells],
        "generation_s": dict(beliefs.generation_s),
        "clock": [clock.cooldown_s, clock.penalty_s, clock.free_s, clock.scoring_s],
        "acceptance": {
            "weights": _plain(acceptance.weights),
            "covariance": _plain(acceptance.covariance),
            "deviations": _plain(acceptance.deviations),
            "deviation_sd": _plain(acceptance.deviation_sd),
            "alive": _plain(acceptance.alive),
            "pool_sd": acceptance.pool_sd,
            "answers": acceptance.answers,
        },
        "scores": {
            "means": _plain(scores.means),
            "mean_sd": _plain(scores.mean_sd),
            "invalid": _plain(scores.invalid),
            "within_sd": scores.within_sd,
            "between_sd": scores.between_sd,
            "counts": [int(count) for count in scores.counts],
        },
        "market": {
            "gpu": market.gpu,
            "clock": _plain(market.clock),
            "accepted": _plain(market.load.accepted),
            "gpu_s": _plain(market.load.gpu_s),
            "clock_s": _plain(market.load.clock_s),
        },
    }


def from_json(content: Mapping[str, Any]) -> Learnt | None:
    """Return what was stored; None where another version stored it."""
    if content.get("version") != VERSION:
        return None
    acceptance, scores, market = content["acceptance"], content["scores"], content["market"]
    beliefs = Beliefs(
        acceptance=AcceptanceModel(
            weights=_array(acceptance["weights"]),
            covariance=_array(acceptance["covariance"]),
            deviations=_array(acceptance["deviations"]),
            deviation_sd=_array(acceptance["deviation_sd"]),
            alive=_array(acceptance["alive"]),
            pool_sd=acceptance["pool_sd"],
            answers=acceptance["answers"],
        ),
        scores=ScoreModel(
            means=_array(scores["means"]),
            mean_sd=_array(scores["mean_sd"]),
            invalid=_array(scores["invalid"]),
            within_sd=scores["within_sd"],
            between_sd=scores["between_sd"],
            counts=np.array(scores["counts"], dtype=np.int64),
        ),
        market=Market(
            market["gpu"],
            _array(market["clock"]),
            Load(_array(market["accepted"]), _array(market["gpu_s"]), _array(market["clock_s"])),
        ),
        clock=Clock(*content["clock"]),
        cells={(recipe, kind): index for index, (recipe, kind) in enumerate(content["cells"])},
        generation_s=content["generation_s"],
        shares=_array(content["shares"]),
        most=content["most"],
    )
    return Learnt(
        beliefs=beliefs,
        hotkeys=tuple(content["hotkeys"]),
        mean_stake=content["mean_stake"],
        accepted=content["accepted"],
        rejected=content["rejected"],
        candidates=content["candidates"],
        newest_task=content["newest_task"],
    )


def _plain(values: np.ndarray[Any, np.dtype[np.float64]]) -> list[Any]:
    """Numbers as Python has them; more digits than these would only fill the store."""
    return np.round(values, 9).tolist()  # type: ignore[no-any-return]


def _array(values: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array(values, dtype=np.float64)
