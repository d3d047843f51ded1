"""Figures of the reports as SVG text: no script in them, and no stranger's text that is not escaped."""

import io
import warnings
from collections.abc import Callable
from typing import Any

import pandas as pd

from trellis_assets.domain.tasks import printable

_INK, _BLUE, _ORANGE, _GREY = "#333333", "#3468b0", "#d9822b", "#b9bec6"
# More points than this make a picture that no browser draws quickly, and no eye tells apart.
_POINTS = 2_000
_REASONS, _LONGEST_REASON = 12, 40
_SIZE = (6.4, 2.8)


def rewards_over_time(tasks: pd.DataFrame) -> str:
    """Rewards of accepted submissions by hour."""
    accepted = tasks[tasks["state"] == "accepted"]
    sums = accepted.groupby(accepted["finished_at"].dt.floor("h"))["current_miner_reward"].sum()

    def draw(axes: Any) -> None:
        axes.bar(sums.index, sums.to_numpy(float), width=1 / 28, color=_BLUE)
        axes.figure.autofmt_xdate(rotation=30)

    return _chart("Rewards by hour", None if sums.empty else draw)


def fidelity_by_validator(tasks: pd.DataFrame) -> str:
    """The validators' scores of accepted submissions: quartiles and range for each validator."""
    scored = tasks.dropna(subset=["task_fidelity_score", "validator_uid"])
    scores = scored.groupby("validator_uid")["task_fidelity_score"]
    groups = {f"uid {uid}": values.to_numpy(float) for uid, values in scores}

    def draw(axes: Any) -> None:
        axes.boxplot(list(groups.values()), tick_labels=list(groups))
        axes.set_ylim(0, 1)

    return _chart("Fidelity by validator", draw if groups else None)


def local_against_feedback(tasks: pd.DataFrame) -> str:
    """Each submission's local score against what the validator gave."""
    both = tasks.dropna(subset=["local_score", "task_fidelity_score"]).tail(_POINTS)

    def draw(axes: Any) -> None:
        axes.plot([0, 1], [0, 1], color=_GREY, linewidth=1)
        axes.scatter(both["local_score"], both["task_fidelity_score"], s=9, alpha=0.5, color=_BLUE)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="local score", ylabel="fidelity")

    return _chart("Local score against fidelity", None if both.empty else draw)


def time_by_stage(tasks: pd.DataFrame) -> str:
    """Seconds of each stage: half of the tasks took less than the bar, 95 % less than the mark."""
    waits = (tasks["generation_started_at"] - tasks["pulled_at"]).dt.total_seconds()
    columns = {
        "queue": waits,
        "generation": tasks["generation_s"],
        "validation": tasks["validation_s"],
        "submission": tasks["submission_s"],
    }
    stages = {name: values.dropna().astype(float) for name, values in columns.items()}
    stages = {name: values for name, values in stages.items() if len(values)}

    def draw(axes: Any) -> None:
        axes.bar(list(stages), [values.quantile(0.5) for values in stages.values()], color=_BLUE)
        p95 = [values.quantile(0.95) for values in stages.values()]
        axes.scatter(list(stages), p95, marker="_", s=400, color=_ORANGE)

    return _chart("Seconds by stage (bar: median, mark: p95)", draw if stages else None)


def reasons(counts: pd.DataFrame) -> str:
    """Tasks that were not submitted, by reason."""
    shown = counts.head(_REASONS).iloc[::-1]
    labels = [printable(str(reason), _LONGEST_REASON) for reason in shown["reason"]]

    def draw(axes: Any) -> None:
        places = range(len(shown))
        axes.barh(places, shown["tasks"], color=_ORANGE)
        axes.set_yticks(places, labels=labels, parse_math=False)

    return _chart("Not submitted, by reason", draw if labels else None)


def _chart(title: str, draw: Callable[[Any], None] | None) -> str:
    """The SVG element; without anything to draw, the words that say so."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # Letters stay letters: the browser has fonts for all scripts, and a page is a quarter of the size.
    with mpl.rc_context({"svg.fonttype": "none", "font.family": "sans-serif"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.subplots()
        if draw is None:
            axes.set_axis_off()
            axes.text(0.5, 0.5, f"{title}: nothing yet", ha="center", va="center", color=_INK)
        else:
            axes.set_title(title, loc="left", fontsize=10, color=_INK)
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(labelsize=8)
            draw(axes)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    text = file.getvalue()
    return text[text.index("<svg") :]
