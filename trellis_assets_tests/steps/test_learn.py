"""What mining learns from the store, and the policy that follows for a task."""

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.candidates import StoredDecision
from trellis_assets.domain.learning.candidate_rules import FixedRule
from trellis_assets.domain.learning.learned_rule import LearnedRule
from trellis_assets.domain.learning.learnt import AFTER_TASKS, as_json, from_json
from trellis_assets.domain.learning.recipes import USUAL, Recipe
from trellis_assets.domain.learning.wanted_policy import WantedPolicy, parse_policy
from trellis_assets.domain.submissions import SubmissionOutcome
from trellis_assets.domain.tasks import Task, TaskKind
from trellis_assets.steps.choose_rule import ChooseRuleStep
from trellis_assets.steps.explain_task import lines_of_decisions
from trellis_assets.steps.learn import LearnStep
from trellis_assets.testing.fakes import (
    NOW,
    FakeClock,
    a_candidate,
    a_task,
    a_validator,
    a_verdict,
)
from trellis_assets_tests.ended_tasks import History

ACCEPTED, REJECTED = SubmissionOutcome.ACCEPTED, SubmissionOutcome.REJECTED
LEARNED = replace(parse_policy("learned"), control_share=0.0)
STRICT = Recipe("strict", phrase="{prompt}, strictly")


class Recipes:
    """Recipes that a test changes."""

    def __init__(self, *recipes: Recipe) -> None:
        self.recipes = recipes

    def current(self) -> tuple[Recipe, ...]:
        return self.recipes


@pytest.fixture
def history(store: SqlStore) -> History:
    return History(store)


@pytest.fixture
def recipes() -> Recipes:
    return Recipes(USUAL)


@pytest.fixture
def learn(store: SqlStore, clock: FakeClock, recipes: Recipes) -> LearnStep:
    return LearnStep(store, clock, recipes, ("local",))


def mine(history: History, n: int, shift: float = 0.0) -> None:
    """Answered tasks whose local score tells."""
    rng = np.random.default_rng(1)
    for number in range(n):
        score = float(rng.normal(0.6, 0.15))
        outcome = ACCEPTED if score + rng.normal(0, 0.04) > 0.6 + shift else REJECTED
        at = NOW - timedelta(minutes=n - number)
        history.answered(score=score, outcome=outcome, at=at, validator=a_validator(1 + number % 2))


def rule_for(
    learn: LearnStep, wanted: WantedPolicy, *, judges: bool = True, task: Task | None = None
) -> FixedRule | LearnedRule:
    step = ChooseRuleStep(wanted, judges, 0.0, learn.recipes, learn)
    found = step.for_task(task or a_task(1001))
    assert isinstance(found, FixedRule | LearnedRule)
    return found


def test_the_learnt_policy_is_in_force_once_answers_tell(history: History, learn: LearnStep) -> None:
    mine(history, 20)
    few = rule_for(learn, LEARNED)
    assert isinstance(few, FixedRule)
    assert few.policy == "single"
    assert "20 of 30 answered results" in (few.fallback or "")
    mine(history, 40)
    learn.run()
    assert isinstance(rule_for(learn, LEARNED), LearnedRule)


@pytest.mark.parametrize("name", ["learned", "best-of-3"])
def test_without_a_local_validator_single_is_in_force_and_says_so(learn: LearnStep, name: str) -> None:
    found = rule_for(learn, parse_policy(name), judges=False)
    assert isinstance(found, FixedRule)
    assert (found.policy, found.count, found.is_judged) == ("single", 1, False)
    assert f"{name} needs a local validator" in (found.fallback or "")


def test_a_share_of_the_tasks_measures_the_gain(history: History, learn: LearnStep) -> None:
    mine(history, 60)
    wanted = replace(LEARNED, control_share=0.05)
    rules = [rule_for(learn, wanted, task=a_task(key)) for key in range(1, 201)]
    control = [rule for rule in rules if isinstance(rule, FixedRule)]
    assert 5 <= len(control) <= 15
    assert all("measure" in (rule.fallback or "") for rule in control)


def test_tasks_of_the_prompt_list_are_mined_by_single(history: History, learn: LearnStep) -> None:
    mine(history, 60)
    found = rule_for(learn, LEARNED, task=a_task(validator_hotkey=None))
    assert isinstance(found, FixedRule)


def test_a_poor_candidate_is_followed_by_another_and_a_good_one_submitted(
    history: History, learn: LearnStep
) -> None:
    mine(history, 60)
    rule, task = rule_for(learn, LEARNED), a_task(1001)
    later = NOW + timedelta(seconds=10)
    assert rule.decide(task, [], NOW).move == "generate"
    poor = a_candidate(task.key, verdict=a_verdict(0.3), recipe_version=USUAL.version)
    decision = rule.decide(task, [poor], later)
    assert (decision.move, decision.candidate, decision.recipe) == ("generate", 1, "usual")
    four = [replace(poor, number=number) for number in range(3)]
    four.append(replace(poor, number=3, verdict=a_verdict(0.95)))
    decision = rule.decide(task, four, later)
    assert (decision.move, decision.candidate) == ("submit", 3)
    figures = json.loads(json.dumps(dict(decision.figures)))
    good = figures["candidates"][3]
    assert good["probability"] > 0.9
    assert good["worth"] > figures["candidates"][0]["worth"]
    assert figures["answers"] == 60
    text = "\n".join(lines_of_decisions([decision]))
    assert "submit candidate 3 after 10.0 s (learned)" in text
    assert "score 0.95" in text


def test_the_operators_floor_holds_under_the_learnt_policy(history: History, learn: LearnStep) -> None:
    mine(history, 60)
    task = a_task(1001)
    found, _ = learn.rule(task, most=1, least_score=0.97)
    assert found is not None
    good = a_candidate(task.key, verdict=a_verdict(0.95), recipe_version=USUAL.version)
    assert found.decide(task, [good], NOW).move == "hand_back"


def test_a_candidate_without_a_score_is_submitted_rather_than_lost(
    history: History, learn: LearnStep
) -> None:
    mine(history, 60)
    task = a_task(1001)
    decision = rule_for(learn, LEARNED).decide(task, [a_candidate(task.key)], NOW)
    assert (decision.move, decision.candidate) == ("submit", 0)


def test_an_unknown_validator_is_taken_for_one_like_the_others(history: History, learn: LearnStep) -> None:
    mine(history, 60)
    stranger = a_task(1001, validator_hotkey="5New")
    decision = rule_for(learn, LEARNED, task=stranger).decide(
        stranger, [a_candidate(1001, verdict=a_verdict(0.95), recipe_version=USUAL.version)], NOW
    )
    assert decision.figures["candidates"][0]["probability"] > 0.5


def test_a_kind_of_prompt_that_is_not_known_yet_is_tried_whatever_is_drawn(
    history: History, learn: LearnStep
) -> None:
    mine(history, 60)
    learn.run()
    pictures = [a_task(key, kind=TaskKind.IMAGE) for key in range(1001, 1101)]
    moves = {rule_for(learn, LEARNED, task=task).decide(task, [], NOW).move for task in pictures}
    assert moves == {"generate"}


def test_seconds_of_an_unknown_validator_are_worth_its_share_of_the_stake(
    history: History, learn: LearnStep
) -> None:
    mine(history, 60)
    small, large = (a_task(1001, validator_hotkey="5New", validator_stake=stake) for stake in (5e3, 5e4))
    prices = [rule_for(learn, LEARNED, task=task).decide(task, [], NOW).figures for task in (small, large)]
    assert prices[1]["clock_price"] == pytest.approx(10 * prices[0]["clock_price"])


def test_what_was_learnt_is_read_as_it_was_stored(
    history: History, learn: LearnStep, store: SqlStore
) -> None:
    mine(history, 60)
    learnt = learn.run()
    stored = store.beliefs.newest()
    assert learnt is not None
    assert stored is not None
    again = from_json(json.loads(json.dumps(stored.content)))
    assert again is not None
    assert as_json(again) == as_json(learnt)
    assert from_json({"version": 0}) is None


def test_it_is_learnt_anew_after_enough_settled_tasks(
    history: History, learn: LearnStep, store: SqlStore, clock: FakeClock
) -> None:
    mine(history, 40)
    assert learn.run_if_due(), "nothing was learnt before"
    assert not learn.run_if_due()
    for number in range(AFTER_TASKS):
        history.answered(score=0.7, at=NOW + timedelta(seconds=1 + number))
    clock.advance(60)
    assert learn.run_if_due()
    stored = store.beliefs.newest()
    assert stored is not None
    assert stored.content["accepted"] + stored.content["rejected"] == 40 + AFTER_TASKS


def test_edited_recipes_are_learnt_at_once(history: History, learn: LearnStep, recipes: Recipes) -> None:
    mine(history, 60)
    learn.run()
    recipes.recipes = (USUAL, STRICT)
    task = a_task(1001)
    decision = rule_for(learn, LEARNED).decide(task, [], NOW)
    assert set(decision.figures["reservations"]) == {USUAL.label, STRICT.label}


def test_idle_candidates_teach_what_a_recipe_makes(
    history: History, learn: LearnStep, store: SqlStore, recipes: Recipes
) -> None:
    mine(history, 40)
    recipes.recipes = (USUAL, STRICT)
    for key in range(1, 31):
        store.candidates.record(
            a_candidate(
                key, recipe="strict", recipe_version=STRICT.version, is_idle=True, verdict=a_verdict(0.9)
            )
        )
    learnt = learn.run()
    assert learnt is not None
    beliefs = learnt.beliefs
    means = [beliefs.scores.means[beliefs.cells[label, "text"]] for label in (USUAL.label, STRICT.label)]
    assert means[1] > means[0] + 0.1


def test_collapsed_candidates_count_as_invalid_ones(
    history: History, learn: LearnStep, store: SqlStore
) -> None:
    mine(history, 40)
    before = learn.run()
    for key in range(1, 21):
        store.candidates.record(
            a_candidate(key, number=1, spz=None, problem="collapsed", recipe_version=USUAL.version)
        )
    after = learn.run()
    assert before is not None
    assert after is not None
    cell = after.beliefs.cells[USUAL.label, "text"]
    assert after.beliefs.scores.invalid[cell] > before.beliefs.scores.invalid[cell] + 0.1


def test_decisions_of_a_time_before_them_are_said_to_be_missing() -> None:
    assert "no decision is stored" in lines_of_decisions([])[0]
    fallen_back = StoredDecision(1, NOW, "single", "submit", "the first", fallback="no data")
    assert "instead of the policy of the settings: no data" in "\n".join(lines_of_decisions([fallen_back]))
