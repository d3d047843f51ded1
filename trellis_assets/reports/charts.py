"""Figures of the reports as SVG text: no script in them, and no stranger's text that is not escaped.

Each figure is drawn from a table of its own, the values it shows, so that they can be compared.
"""

import io
import warnings
from collections.abc import Callable
from typing import Any

import pandas as pd

from trellis_assets.domain.tasks import printable

_INK, _BLUE, _ORANGE, _GREY, _GREEN, _RED = "#333333", "#3468b0", "#d9822b", "#b9bec6", "#3a8a4d", "#b3423a"
# More points than this make a picture that no browser draws quickly, and no eye tells apart.
_POINTS = 2_000
_REASONS, _LONGEST_REASON = 12, 40
_MOST_VALIDATORS = 8
_SIZE = (6.4, 2.8)
_HOUR_IN_DAYS = 1 / 24
_OUTCOMES = {
    "accepted": _GREEN,
    "rejected": _RED,
    "handed_back": _ORANGE,
    "failed": _INK,
    "answer_unknown": _GREY,
}


def outcomes_by_hour(tasks: pd.DataFrame) -> pd.DataFrame:
    """Return how many tasks ended in each hour, (hours, outcomes): index the hour's start, UTC."""
    ended = tasks[tasks["state"].isin(list(_OUTCOMES)) & tasks["finished_at"].notna()]
    counts = pd.crosstab(ended["finished_at"].dt.floor("h"), ended["state"])
    return counts.reindex(columns=list(_OUTCOMES), fill_value=0).astype(int)


def draw_outcomes(tasks: pd.DataFrame) -> str:
    """Draw the tasks that ended in each hour, by outcome, one on the other."""
    counts = outcomes_by_hour(tasks)

    def draw(axes: Any) -> None:
        below = counts.iloc[:, 0] * 0
        for name, colour in _OUTCOMES.items():
            if counts[name].any():
                label = f"{name.replace('_', ' ')} ({counts[name].sum()})"
                axes.bar(
                    counts.index,
                    counts[name].to_numpy(),
                    bottom=below.to_numpy(),
                    # From the hour's start on, so that no bar stands over another hour.
                    width=_HOUR_IN_DAYS,
                    align="edge",
                    color=colour,
                    edgecolor="white",
                    linewidth=0.4,
                    label=label,
                )
                below = below + counts[name]
        axes.set_ylabel("tasks", fontsize=8)
        axes.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
        axes.figure.autofmt_xdate(rotation=30)

    return _svg("Tasks ended in each hour (UTC)", None if counts.empty else draw)


def standings(tasks: pd.DataFrame) -> pd.DataFrame:
    """Return our standing with each validator at the end of each hour, (hours, validators).

    A standing is a level that each feedback names anew: the latest of the hour counts, and holds until the
    next. The validators with the highest standing at the end come first.
    """
    said = tasks.dropna(subset=["current_miner_reward", "validator_uid", "finished_at"])
    said = said[said["state"].isin(["accepted", "rejected"])].sort_values("finished_at")
    said = said.assign(hour=said["finished_at"].dt.floor("h"))
    latest = said.pivot_table(
        index="hour", columns="validator_uid", values="current_miner_reward", aggfunc="last"
    ).ffill()
    if latest.empty:
        return latest
    order = latest.iloc[-1].sort_values(ascending=False).index
    return latest[order]


def draw_standings(tasks: pd.DataFrame) -> str:
    """Draw our standing with each validator over time."""
    levels = standings(tasks)

    def draw(axes: Any) -> None:
        for uid in levels.columns[:_MOST_VALIDATORS]:
            axes.plot(
                levels.index, levels[uid].to_numpy(float), marker="o", markersize=2.5, label=f"uid {uid}"
            )
        axes.set_ylim(bottom=0)
        axes.set_ylabel("accepted in 4 h x rating", fontsize=8)
        axes.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
        axes.figure.autofmt_xdate(rotation=30)

    return _svg("Standing with each validator", None if levels.empty else draw)


def fidelities(tasks: pd.DataFrame) -> dict[str, list[float]]:
    """Return the validators' scores of accepted submissions; a rejected or returned task has none."""
    accepted = tasks[tasks["state"] == "accepted"].dropna(subset=["task_fidelity_score", "validator_uid"])
    scores = accepted.groupby("validator_uid")["task_fidelity_score"]
    return {f"uid {uid}": [float(value) for value in values] for uid, values in scores}


def draw_fidelities(tasks: pd.DataFrame) -> str:
    """Draw quartiles and range of each validator's scores of accepted submissions."""
    groups = fidelities(tasks)

    def draw(axes: Any) -> None:
        labels = [f"{name}\n{len(values)}" for name, values in groups.items()]
        axes.boxplot(list(groups.values()), tick_labels=labels)
        axes.set_ylim(0, 1)
        axes.set_ylabel("fidelity", fontsize=8)

    return _svg("Fidelity of accepted results, by validator (with counts)", draw if groups else None)


def score_pairs(tasks: pd.DataFrame) -> pd.DataFrame:
    """Return (N, 2) local score and validator's score of accepted submissions, the newest 2,000."""
    accepted = tasks[tasks["state"] == "accepted"]
    both = accepted.dropna(subset=["local_score", "task_fidelity_score"]).tail(_POINTS)
    return both[["local_score", "task_fidelity_score"]]


def draw_score_pairs(tasks: pd.DataFrame) -> str:
    """Draw each accepted submission's local score against what the validator gave."""
    both = score_pairs(tasks)

    def draw(axes: Any) -> None:
        axes.plot([0, 1], [0, 1], color=_GREY, linewidth=1)
        axes.scatter(both["local_score"], both["task_fidelity_score"], s=9, alpha=0.5, color=_BLUE)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="local score", ylabel="fidelity")

    return _svg(f"Local score against fidelity, {len(both)} accepted results", None if both.empty else draw)


def stage_times(tasks: pd.DataFrame) -> pd.DataFrame:
    """Return seconds of each stage: (stages, [median, p95, count])."""
    waits = (tasks["generation_started_at"] - tasks["pulled_at"]).dt.total_seconds()
    columns = {
        "queue": waits,
        "generation": tasks["generation_s"],
        "validation": tasks["validation_s"],
        "submission": tasks["submission_s"],
    }
    stages = {name: values.dropna().astype(float) for name, values in columns.items()}
    rows = {
        name: [values.quantile(0.5), values.quantile(0.95), len(values)]
        for name, values in stages.items()
        if len(values)
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["median", "p95", "count"])


def draw_stage_times(tasks: pd.DataFrame) -> str:
    """Draw seconds of each stage: half of the tasks took less than the bar, 95 % less than the mark."""
    times = stage_times(tasks)

    def draw(axes: Any) -> None:
        bars = axes.bar(list(times.index), times["median"], color=_BLUE)
        axes.bar_label(bars, fmt="{:.3g} s", fontsize=7)
        axes.scatter(list(times.index), times["p95"], marker="_", s=400, color=_ORANGE)
        axes.set_ylabel("seconds", fontsize=8)

    return _svg("Seconds by stage (bar: median, mark: 95 %)", None if times.empty else draw)


def draw_reasons(counts: pd.DataFrame) -> str:
    """Draw the tasks that were not submitted, by reason: rows of `reason` and `tasks`."""
    shown = counts.head(_REASONS).iloc[::-1]
    labels = [printable(str(reason), _LONGEST_REASON) for reason in shown["reason"]]

    def draw(axes: Any) -> None:
        places = range(len(shown))
        bars = axes.barh(places, shown["tasks"], color=_ORANGE)
        axes.bar_label(bars, fontsize=7)
        axes.set_yticks(places, labels=labels, parse_math=False)
        axes.set_xlabel("tasks", fontsize=8)

    return _svg("Not submitted, by reason", draw if labels else None)


def figure(title: str, draw: Callable[[Any], None] | None) -> Any:
    """Return the matplotlib figure; without anything to draw, one with the words that say so."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=_SIZE, layout="constrained")
    axes = drawn.subplots()
    if draw is None:
        axes.set_axis_off()
        axes.text(0.5, 0.5, f"{title}: nothing yet", ha="center", va="center", color=_INK)
    else:
        axes.set_title(title, loc="left", fontsize=10, color=_INK)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
        draw(axes)
    return drawn


def _svg(title: str, draw: Callable[[Any], None] | None) -> str:
    import matplotlib as mpl

    # Letters stay letters: the browser has fonts for all scripts, and a page is a quarter of the size.
    with mpl.rc_context({"svg.fonttype": "none", "font.family": "sans-serif"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        file = io.StringIO()
        figure(title, draw).savefig(file, format="svg", metadata={"Date": None})
    text = file.getvalue()
    return text[text.index("<svg") :].replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)
