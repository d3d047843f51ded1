"""Recorded tasks as evidence, and a task's decision explained by what was known when it was pulled."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trellis_assets.domain.candidates import CandidateScore
from trellis_assets.domain.learning.acceptance import Answers
from trellis_assets.domain.learning.beliefs import Beliefs, TaskView, clock_of
from trellis_assets.domain.learning.evidence import Evidence
from trellis_assets.domain.learning.policy import Candidate, InForce, policy_in_force
from trellis_assets.domain.learning.recipes import USUAL
from trellis_assets.domain.learning.score_distribution import Scores
from trellis_assets.domain.learning.search import Decision
from trellis_assets.domain.learning.wanted_policy import PolicyName
from trellis_assets.domain.tasks import TaskKind

# What models were made by before there were recipes.
RECIPE = USUAL.label
_USUAL_S = 20.0


@dataclass(frozen=True, slots=True)
class SettledTask:
    """A task that was judged locally, as far as learning looks at it.

    Attributes:
        validator: hotkey.
        stake: of the validator, TAO.
        kind: of prompt.
        threshold: the least score that the validator said it accepts.
        throttle_s: the free seconds of its clock.
        at_s: when the task was pulled, unix seconds.
        score: the local score; None when the model was not judged.
        is_valid: whether all data checks passed.
        made_s: GPU seconds of the generation and the local judgement.
        submission_s: from sending the result to its answer; None when nothing was sent.
        accepted: by the validator; None when it gave no such answer (handed back, lost, being worked on).
    """

    key: int
    validator: str
    stake: float
    kind: str
    threshold: float
    throttle_s: float
    at_s: float
    score: float | None
    is_valid: bool
    made_s: float
    submission_s: float | None
    accepted: bool | None

    @property
    def is_answer(self) -> bool:
        """Whether it teaches what validators accept."""
        return self.accepted is not None and self.score is not None and self.is_valid


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """Evidence, and the validators by their index in it."""

    evidence: Evidence
    hotkeys: tuple[str, ...]


def record_of(
    tasks: Sequence[SettledTask],
    *,
    more: Sequence[SettledTask] = (),
    candidates: Sequence[CandidateScore] = (),
    recipes: Sequence[str] = (RECIPE,),
    gpus: int,
    now_s: float,
) -> Record:
    """Return the evidence of recorded tasks and candidates, oldest first.

    A task without candidates is of a time before there were any: its model counts as one of the usual recipe.

    Args:
        tasks: settled ones.
        more: tasks whose validator and kind of prompt are to be known too; they are no evidence.
        candidates: of any tasks; those of other recipes are left out.
        recipes: labels of the recipes in force.
        gpus: endpoints that can work at the same time.
        now_s: the time, unix seconds.
    """
    known = [*tasks, *more]
    hotkeys = tuple(dict.fromkeys(task.validator for task in known))
    kinds = dict.fromkeys([*(task.kind for task in known), *(each.kind for each in candidates)])
    kinds |= dict.fromkeys(map(str, TaskKind))
    cells = tuple((recipe, kind) for recipe in recipes for kind in kinds)
    answers = [task for task in tasks if task.is_answer]
    of_validator = {hotkey: index for index, hotkey in enumerate(hotkeys)}
    newest = {task.validator: task for task in known}
    scores = _scores(tasks, candidates, recipes)
    return Record(
        Evidence(
            answers=Answers(
                validators=np.array([of_validator[task.validator] for task in answers], dtype=np.int64),
                features=np.array([[(task.score or 0.0) - task.threshold] for task in answers]).reshape(
                    -1, 1
                ),
                accepted=np.array([task.accepted is True for task in answers], dtype=np.bool_),
                times_s=np.array([task.at_s for task in answers], dtype=np.float64),
                count=len(hotkeys),
            ),
            scores=_evidence(scores, cells),
            cells=cells,
            generation_s=_generation_s(scores, recipes),
            shares=_shares([newest[hotkey].stake for hotkey in hotkeys]),
            thresholds=np.array([newest[hotkey].threshold for hotkey in hotkeys]),
            clock=clock_of(
                [task.throttle_s for task in tasks],
                [task.submission_s for task in tasks if task.submission_s is not None],
            ),
            gpus=max(1, gpus),
            now_s=now_s,
        ),
        hotkeys,
    )


def _scores(
    tasks: Sequence[SettledTask], candidates: Sequence[CandidateScore], recipes: Sequence[str]
) -> list[CandidateScore]:
    """The candidates of these recipes, and models of tasks from before there were candidates."""
    has_candidates = {candidate.task_key for candidate in candidates}
    before = [
        CandidateScore(task.key, RECIPE, task.kind, task.score, task.is_valid, task.made_s)
        for task in tasks
        if task.score is not None and task.key not in has_candidates
    ]
    return [candidate for candidate in (*before, *candidates) if candidate.label in recipes]


def _evidence(scores: Sequence[CandidateScore], cells: Sequence[tuple[str, str]]) -> Scores:
    index = {cell: number for number, cell in enumerate(cells)}
    _, prompts = np.unique([each.task_key for each in scores], return_inverse=True)
    return Scores(
        cells=np.array([index[each.label, each.kind] for each in scores], dtype=np.int64),
        prompts=prompts.astype(np.int64),
        scores=np.array([each.score or 0.0 for each in scores], dtype=np.float64),
        valid=np.array([each.is_valid and each.score is not None for each in scores], dtype=np.bool_),
        count=len(cells),
    )


def _generation_s(scores: Sequence[CandidateScore], recipes: Sequence[str]) -> dict[str, float]:
    """Median seconds of each recipe's candidates; of all where it has none."""
    every = [each.made_s for each in scores if each.made_s > 0]
    usual = float(np.median(every)) if every else _USUAL_S
    found = {}
    for recipe in recipes:
        own = [each.made_s for each in scores if each.label == recipe and each.made_s > 0]
        found[recipe] = float(np.median(own)) if own else usual
    return found


def _shares(stakes: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """(v,) of the stake, of mean 1; equal where no stake is known."""
    given = np.maximum(np.array(stakes, dtype=np.float64), 0.0)
    return given / given.mean() if given.sum() > 0 else np.ones(len(given))


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the learnt policy sees of a task, from the tasks before it.

    Attributes:
        in_force: whether the learnt policy could have decided, and why not.
        tasks, answers: that the beliefs rest on.
        acceptance: probability that the validator accepts the model, with its 95 % interval; None without a
            local score.
        alive: probability that the validator accepts anything at all.
        gpu_price, clock_price: accepted results a second, of a validator with the usual stake.
        score_mean, score_sd: of one more candidate's local score.
        advised: the next move.
    """

    in_force: InForce
    tasks: int
    answers: int
    acceptance: tuple[float, float, float] | None
    alive: float
    gpu_price: float
    clock_price: float
    score_mean: float
    score_sd: float
    advised: Decision


def explain(task: SettledTask, record: Record, beliefs: Beliefs) -> Explanation:
    """Return what the learnt policy sees of the task, by expected values: nothing is drawn by chance.

    Args:
        task: with what was made for it.
        record: of the tasks before it.
        beliefs: that follow from the record.
    """
    validator = record.hotkeys.index(task.validator)
    made = [Candidate(RECIPE, task.score, is_valid=task.is_valid)] if task.made_s > 0 else []
    view = TaskView(validator, task.kind, task.threshold, task.made_s, tuple(made))
    answers, cell = record.evidence.answers, beliefs.cells[RECIPE, task.kind]
    accepted = int(answers.accepted.sum())
    seen = [(cell, task.score)] if task.score is not None and task.is_valid and made else []
    mean, sd = beliefs.scores.predicted(cell, seen)
    alive = float(beliefs.acceptance.alive[validator])
    acceptance = None
    if task.score is not None and task.is_valid:
        features = np.array([task.score - task.threshold])
        p = float(beliefs.acceptance.probability(features, validator)) * alive
        acceptance = (p, *beliefs.acceptance.interval(features, validator))
    return Explanation(
        in_force=policy_in_force(
            PolicyName.LEARNED, judges=True, accepted=accepted, rejected=len(answers) - accepted
        ),
        tasks=len(record.evidence.scores.scores),
        answers=len(answers),
        acceptance=acceptance,
        alive=alive,
        gpu_price=beliefs.market.gpu,
        clock_price=float(beliefs.market.clock[validator]),
        score_mean=mean,
        score_sd=sd,
        advised=beliefs.decide(view),
    )
