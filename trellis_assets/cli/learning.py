"""Commands that say what the recorded tasks teach."""

import json
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
        from trellis_assets.steps.explain_task import lines_of

        pipeline = Pipeline(Settings.load(data_dir=data_dir))
        settled, found = pipeline.reports.explain_task_step().run(task)
        if as_json:
            typer.echo(json.dumps({"task": asdict(settled), "explanation": asdict(found)}))
            return
        for line in lines_of(settled, found):
            typer.echo(line)


@app.command()
def experiment(
    gate: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="The least local score to submit, to replay.")
    ] = 0.6,
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Compare validators, and replay another gate.

    Every figure has a 95 % interval; too few answers are said to tell nothing.
    """
    with clear_errors():
        from trellis_assets.composition import Pipeline
        from trellis_assets.settings import Settings

        step = Pipeline(Settings.load(data_dir=data_dir)).reports.explain_task_step()
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
