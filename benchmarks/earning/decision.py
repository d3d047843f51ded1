"""How much processor time a decision takes, with many validators and all answers that beliefs are made of."""

from time import process_time

import numpy as np

from earning.contenders import Learner
from earning.simulation import simulate
from earning.world import HOUR_S, Regime, World
from trellis_assets.domain.learning.beliefs import TaskView
from trellis_assets.domain.learning.policy import Candidate, generator_of

Row = dict[str, float | str]
VALIDATORS = (8, 64, 256)
DECISIONS, FITS = 300, 5


def main() -> list[Row]:
    """Return milliseconds of CPU for a second candidate, and to learn anew, by number of validators."""
    return [_row(validators) for validators in VALIDATORS]


def _row(validators: int) -> Row:
    regime = Regime("many validators", validators=validators, length_s=10 * HOUR_S, endpoints=validators // 8)
    learner = Learner(World(regime, 1))
    simulate(World(regime, 1), learner)
    beliefs = learner.beliefs
    assert beliefs is not None
    rng = np.random.default_rng(1)
    began = process_time()
    for key in range(DECISIONS):
        candidate = Candidate("usual", float(rng.normal(0.57, 0.18)))
        drawn = beliefs.drawn(generator_of(key))
        drawn.decide(TaskView(key % validators, "text", 0.6, 18.5, (candidate,)))
    decided = process_time()
    for _ in range(FITS):
        learner.learn_anew(10 * HOUR_S)
    learned = process_time()
    return {
        "validators": str(validators),
        "answers": str(beliefs.acceptance.answers),
        "decision, ms": (decided - began) / DECISIONS * 1e3,
        "learning anew, ms": (learned - decided) / FITS * 1e3,
    }
