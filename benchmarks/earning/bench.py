"""Run every policy in every regime with every seed, and write docs/earning.md."""

import argparse
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from time import process_time

from earning.contenders import CONTROL_SHARE, Fixed, Learner, Oracle
from earning.measure import (
    gpu_share,
    leading_share,
    median_interval,
    rate_after,
    rate_after_change,
    trials,
)
from earning.simulation import Contender, Day, simulate
from earning.world import REGIMES, Regime, Truth, World

Row = dict[str, float | str]
# Usually, and the fewest that are written to the page. Regimes with two recipes have half as many.
SEEDS, LEAST_SEEDS = 20, 8
FIXED: dict[str, Callable[[Regime], Fixed]] = {
    "one": lambda regime: Fixed(regime, 1, is_gated=False),
    "gate": lambda regime: Fixed(regime, 1, is_gated=True),
    "two": lambda regime: Fixed(regime, 2, is_gated=True),
    "three": lambda regime: Fixed(regime, 3, is_gated=True),
}
POLICIES = (*FIXED, "learned", "oracle")


def recipe_regimes() -> dict[str, Regime]:
    """Return regimes A and B with two recipes: one 0.05 better, the other faster by 3 s and by more."""
    found = {}
    for letter, faster in (("A", 3.0), ("A", 9.0), ("B", 3.0), ("B", 9.0)):
        regime = REGIMES[letter]
        (usual,) = regime.recipes.values()
        recipes = {
            "faster": Truth(generation_s=usual.generation_s - faster),
            "better": Truth(better=0.05, generation_s=usual.generation_s),
        }
        name = f"{letter}: one recipe 0.05 better, one {faster:g} s faster"
        found[f"{letter} {faster:g} s"] = replace(regime, name=name, recipes=recipes)
    return found


@dataclass(frozen=True, slots=True)
class Job:
    """One day of one policy."""

    regime: str
    policy: str
    seed: int


def the_regime(name: str) -> Regime:
    """Return the regime of this name."""
    return REGIMES[name] if name in REGIMES else recipe_regimes()[name]


def run(job: Job) -> dict[str, float]:
    """Return the figures of one day."""
    regime = the_regime(job.regime)
    world = World(regime, job.seed)
    contender: Contender
    if job.policy in FIXED:
        contender = FIXED[job.policy](regime)
    else:
        contender = Learner(world) if job.policy == "learned" else Oracle(world)
    began = process_time()
    day = simulate(world, contender)
    return {"seconds": process_time() - began} | figures(regime, world, day)


def figures(regime: Regime, world: World, day: Day) -> dict[str, float]:
    """Return what is kept of a day."""
    kept = {"rate": rate_after(day), "tasks": float(len(day.times_s)), "gpu": float(day.gpu_s.sum())}
    if regime.raised:
        kept["recovered"] = rate_after_change(day, regime.raised_at_s)
    for validator in range(regime.validators):
        if world.is_dead(validator):
            kept |= {"dead_gpu": gpu_share(day, validator), "dead_trials": float(trials(day, validator))}
    if len(regime.recipes) > 1:
        kept["better"] = leading_share(day, "better")
    return kept


Results = dict[Job, dict[str, float]]


def run_all(seeds: int, workers: int, say: Callable[[str], None]) -> Results:
    """Simulate every day, in parallel."""
    recipe_seeds = max(1, seeds // 2)
    jobs = [Job(r, p, s) for r in REGIMES for s in range(seeds) for p in POLICIES]
    jobs += [
        Job(r, p, s) for r in recipe_regimes() for s in range(recipe_seeds) for p in ("learned", "oracle")
    ]
    results = {}
    with ProcessPoolExecutor(workers) as pool:
        for number, (job, found) in enumerate(zip(jobs, pool.map(run, jobs), strict=True), 1):
            results[job] = found
            if number % 50 == 0 or number == len(jobs):
                say(f"{number} of {len(jobs)} days")
    return results


def ratios(results: Results, regime: str, policy: str, to: str, what: str = "rate") -> list[float]:
    """Return one ratio per seed, with the same prompts on both sides."""
    seeds = sorted({job.seed for job in results if job.regime == regime})
    return [results[Job(regime, policy, seed)][what] / results[Job(regime, to, seed)][what] for seed in seeds]


def told(values: Sequence[float]) -> str:
    """Return median and interval in words."""
    median, low, high = median_interval(values)
    return f"{median:.2f} ({low:.2f}-{high:.2f})"


def table(results: Results) -> list[Row]:
    """Return accepted results per hour of every policy, as ratios to one ungated candidate."""
    rows: list[Row] = []
    for regime in REGIMES:
        row: Row = {"regime": REGIMES[regime].name}
        for policy in POLICIES[1:]:
            row[policy] = told(ratios(results, regime, policy, "one"))
        rows.append(row)
    return rows


def verdicts(results: Results) -> list[Row]:
    """Return what must hold, what was found, and whether it holds."""
    rows: list[Row] = []

    def add(what: str, needed: float, values: Sequence[float], *, is_upper: bool = False) -> None:
        median, low, high = median_interval(values)
        reached = median <= needed if is_upper else median >= needed
        bound = f"{'at most' if is_upper else 'at least'} {needed:g}"
        found = f"{median:.3f} ({low:.3f}-{high:.3f})"
        rows.append({"what": what, "needed": bound, "found": found, "reached": "yes" if reached else "no"})

    for regime in ("A", "B", "C", "E"):
        add(f"{regime}: learned to oracle", 0.97, ratios(results, regime, "learned", "oracle"))
        best = max(FIXED, key=lambda p: median_interval(ratios(results, regime, p, "one"))[0])
        add(
            f"{regime}: learned to the best fixed policy ({best})",
            1.0,
            ratios(results, regime, "learned", best),
        )
    add("D: learned to one ungated candidate", 0.97, ratios(results, "D", "learned", "one"))
    add("A: learned to today's gate", 1.4, ratios(results, "A", "learned", "gate"))
    recovered = ratios(results, "C", "learned", "oracle", "recovered")
    add("C: from 200 tasks after the change, learned to oracle", 0.97, recovered)
    learned_e = [found for job, found in results.items() if (job.regime, job.policy) == ("E", "learned")]
    add(
        "E: GPU share of the validator that accepts nothing",
        0.03,
        [f["dead_gpu"] for f in learned_e],
        is_upper=True,
    )
    add("E: … and how often it is tried again", 1, [f["dead_trials"] for f in learned_e])
    for regime, text in recipe_regimes().items():
        shares = {
            policy: [
                f["better"] for job, f in results.items() if (job.regime, job.policy) == (regime, policy)
            ]
            for policy in ("learned", "oracle")
        }
        is_better = median_interval(shares["oracle"])[0] > 0.5  # noqa: PLR2004 - the majority
        right = [share if is_better else 1 - share for share in shares["learned"]]
        name = "better" if is_better else "faster"
        add(f"{text.name}: share of the {name} one, which the oracle prefers", 0.5, right)
    return rows


def note(given: argparse.Namespace, results: Results) -> str:
    """Return what was run."""
    learned = [found["seconds"] for job, found in results.items() if job.policy == "learned"]
    pairs = max(1, given.earning_seeds // 2)
    return (
        f"{given.earning_seeds} seeds ({pairs} with two recipes), {len(results)} simulated days of 24 h, "
        f"counted from task 500; "
        f"control share {CONTROL_SHARE:.0%}; medians with 95 % intervals; "
        f"a day of the learnt policy takes {sum(learned) / len(learned):.1f} s of the processor"
    )


def options() -> argparse.ArgumentParser:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--earning-seeds", type=int, default=SEEDS)
    parser.add_argument("--earning-workers", type=int, default=2)
    return parser


def main(given: argparse.Namespace) -> tuple[list[Row], list[Row], str]:
    """Return the table, the verdicts, and what was run."""

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    results = run_all(given.earning_seeds, given.earning_workers, say)
    return table(results), verdicts(results), note(given, results)
