"""Commands that say what the recorded tasks teach."""

import json
import math
from dataclasses import asdict
from typing import Annotated

import typer

from trellis_assets.cli.app import DataDir, Json, app, clear_errors


@app.command()
def explain(
    task: Annotated[int, typer.Argument(help="The task's key, as in the gallery and the reports.")],
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Explain a task by numbers.

    What the tasks before it said of its validator, its model and one more candidate.
    """
    with clear_errors():
        from trellis_assets.composition import Pipeline
        from trellis_assets.settings import Settings
        from trellis_assets.steps.explain_task import lines_of, lines_of_decisions

        pipeline = Pipeline(Settings.load(data_dir=data_dir))
        step = pipeline.reports.explain_task_step()
        (settled, found), decisions = step.run(task), step.decisions(task)
        if as_json:
            shown = {"task": asdict(settled), "explanation": asdict(found)}
            taken = [asdict(decision) | {"at": decision.at.isoformat()} for decision in decisions]
            typer.echo(json.dumps(shown | {"decisions": taken}))
            return
        typer.echo("decisions that were taken, with the numbers that they saw:")
        for line in lines_of_decisions(decisions):
            typer.echo(line)
        typer.echo("what the tasks before it say today:")
        for line in lines_of(settled, found):
            typer.echo(line)


@app.command()
def learn(as_json: Json = False, data_dir: DataDir = None) -> None:
    """Learn anew from the store.

    What validators accept and what recipes make; mining does so by itself after every 25 settled tasks.
    """
    with clear_errors():
        from trellis_assets.composition import Pipeline
        from trellis_assets.settings import Settings

        step = Pipeline(Settings.load(data_dir=data_dir)).mining.learn_step(always=True)
        found = step.run() if step is not None else None
        answers = found.accepted + found.rejected if found else 0
        candidates = found.candidates if found else 0
        if as_json:
            typer.echo(json.dumps({"answers": answers, "candidates": candidates}))
            return
        typer.echo(f"learnt from {answers} answers with a local score and {candidates} candidates")


@app.command()
def experiment(
    recipes: Annotated[
        list[str] | None,
        typer.Argument(help="Two recipes to compare, by name or as name@version.", show_default=False),
    ] = None,
    gate: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="The least local score to submit, to replay.")
    ] = 0.6,
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Compare recipes or validators.

    With two recipes: paired by prompt where both were tried on the same ones, else by task. Every figure has
    a 95 % interval; too few answers are said to tell nothing.
    """
    with clear_errors():
        from trellis_assets.composition import Pipeline
        from trellis_assets.settings import Settings

        reports = Pipeline(Settings.load(data_dir=data_dir)).reports
        if recipes:
            compared = reports.compare_recipes_step().run(recipes)
            estimate = {name: _finite(value) for name, value in asdict(compared.estimate).items()}
            found_json = json.dumps(asdict(compared) | {"estimate": estimate, "told": compared.told})
            typer.echo(found_json if as_json else compared.told)
            return
        step = reports.explain_task_step()
        validators, replayed = step.validators(), step.replay_gate(gate)
        if as_json:
            shown = {"validators": [asdict(each) for each in validators]}
            typer.echo(json.dumps(shown | {"replay": asdict(replayed) if replayed else None}))
            return
        for each in validators:
            typer.echo(f"{each.validator}  {each.told}")
        if replayed is None:
            typer.echo("no answered results with a local score yet: nothing to replay")
            return
        found = replayed.replayed
        typer.echo(
            f"a gate of {gate:g} would have earned {found.value:.3f} a task "
            f"({found.low:.3f} to {found.high:.3f}); "
            f"{replayed.earned:.3f} was earned, over {replayed.tasks} tasks, "
            f"of which {found.effective:.0f} tell by their own answer"
        )


def _finite(value: float) -> float | None:
    """Return the value, or None for an interval that is not known: JSON has no infinity."""
    return value if math.isfinite(value) else None
