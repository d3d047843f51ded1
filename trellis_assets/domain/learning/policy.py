"""Which candidate to make next and what to submit: today's rules, best of N, and the learnt policy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trellis_assets.domain.learning.search import Decision, Move
from trellis_assets.domain.learning.wanted_policy import PolicyName


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model made for a task, as far as decisions look at it.

    Attributes:
        recipe: that made it.
        score: local score; None when it was not validated.
        is_valid: False when a data check failed: such a model scores 0 with every validator.
    """

    recipe: str
    score: float | None
    is_valid: bool = True


def fixed_move(
    candidates: Sequence[Candidate], *, wanted: int, threshold: float, recipe: str, is_gated: bool = True
) -> Decision:
    """Return the next move of a fixed rule: make so many candidates, submit the best one that passes.

    `wanted=1` is the rule of `single`; `wanted=N` that of `best-of-N`, which stops early for nothing.
    A model that fails a data check is never submitted; in its place one more is made, once.

    Args:
        candidates: so far, in order.
        wanted: how many to make.
        threshold: the least local score to submit.
        recipe: that makes them.
        is_gated: False submits whatever the local score is, as without a local validator.
    """
    valid = [candidate for candidate in candidates if candidate.is_valid]
    if len(candidates) < wanted or (not valid and len(candidates) < wanted + 1):
        return Decision(Move.GENERATE, recipe, None, {}, f"{len(candidates)} of {wanted} candidates")
    if not valid:
        return Decision(Move.HAND_BACK, None, None, {}, "every candidate failed a data check")
    best = max((candidate.score or 0.0) for candidate in valid)
    has_score = any(candidate.score is not None for candidate in valid)
    if is_gated and has_score and best < threshold:
        why = f"the best of {len(valid)} scores {best:.4f} locally, under {threshold:.4f}"
        return Decision(Move.HAND_BACK, None, best, {}, why)
    return Decision(Move.SUBMIT, None, best, {}, f"the best of {len(valid)} scores {best:.4f} locally")


def best_candidate(candidates: Sequence[Candidate]) -> int | None:
    """Return the index of the valid candidate with the best local score; None without a valid one."""
    valid = [index for index, candidate in enumerate(candidates) if candidate.is_valid]
    return max(valid, key=lambda index: candidates[index].score or 0.0, default=None)


# The learnt policy needs so many answered results with a local score, and of both outcomes.
LEAST_ANSWERS, LEAST_OF_EACH = 30, 3


@dataclass(frozen=True, slots=True)
class InForce:
    """The policy in force, and why it is another one than was asked for; empty when it is not."""

    policy: PolicyName
    why: str = ""


def policy_in_force(wanted: PolicyName, *, judges: bool, accepted: int, rejected: int) -> InForce:
    """Return the policy to use now: `learned` and `best-of-N` fall back where they lack what they need.

    Args:
        wanted: by the settings.
        judges: whether a local validator scores models.
        accepted: results that have a local score.
        rejected: results that have a local score.
    """
    if wanted is PolicyName.SINGLE:
        return InForce(wanted)
    if not judges:
        return InForce(PolicyName.SINGLE, f"{wanted} needs a local validator: single is used without one")
    answers = accepted + rejected
    if wanted is PolicyName.LEARNED and answers < LEAST_ANSWERS:
        why = f"{answers} of {LEAST_ANSWERS} answered results with a local score: single is used until then"
        return InForce(PolicyName.SINGLE, why)
    if wanted is PolicyName.LEARNED and min(accepted, rejected) < LEAST_OF_EACH and accepted < answers:
        why = f"{accepted} accepted and {rejected} rejected: {LEAST_OF_EACH} of each tell them apart"
        return InForce(PolicyName.SINGLE, why)
    return InForce(wanted)


# How the reason begins for which a task of the control share is mined by `single`.
CONTROL_SHARE = "control share"


def is_control(task_key: int, share: float) -> bool:
    """Return whether the task is mined by `single` to measure the gain: a fixed share, by its key alone.

    The same task is always in the same group, also after a restart. With a share of 0.05 about one key in 20.
    """
    # Knuth's multiplicative hash: neighbouring keys fall far apart.
    return (task_key * 2654435761) % 2**32 < share * 2**32


def generator_of(task_key: int) -> np.random.Generator:
    """Return the random numbers of a task's decisions: the same for each candidate, and when explained.

    One draw from the posterior holds for the whole task: a validator that is tried again is tried to the end.
    """
    return np.random.default_rng(task_key)
