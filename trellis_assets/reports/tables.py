"""The reports by name: their columns, their rows and their charts.

To add one: add a `Report` to `REPORTS`, and `report_asset(…)` to `defs/assets/reports.py` if Dagster is to
publish it each day. The command line and the gallery offer every report of `REPORTS`.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trellis_assets.adapters.storage.frames import typed
from trellis_assets.domain.columns.earning_columns import EARNING_COLUMNS, values_of
from trellis_assets.domain.columns.other_columns import REWARD_COLUMNS, VALIDATOR_COLUMNS
from trellis_assets.domain.columns.task_columns import REPORTED_TASK_COLUMNS
from trellis_assets.ports import ReportQueries
from trellis_assets.reports import earning_charts, task_charts
from trellis_assets.reports.learning_tables import LEARNING_REPORTS
from trellis_assets.reports.period import ReportPeriod
from trellis_assets.reports.report import Report

if TYPE_CHECKING:
    import pandas as pd


def _task_rows(period: ReportPeriod) -> Iterator["pd.DataFrame"]:
    for frame in period.ledger.tasks(period.start, period.end):
        yield frame[list(REPORTED_TASK_COLUMNS)]


def _reward_rows(period: ReportPeriod) -> Iterator["pd.DataFrame"]:
    yield period.ledger.rewards(period.start, period.end)[list(REWARD_COLUMNS)]


def _earning_rows(period: ReportPeriod) -> Iterator["pd.DataFrame"]:
    import pandas as pd

    found = [values_of(hour) for hour in period.earning_hours]
    yield typed(pd.DataFrame(found, columns=list(EARNING_COLUMNS)), EARNING_COLUMNS)


def _validator_rows(period: ReportPeriod) -> Iterator["pd.DataFrame"]:
    yield validator_table(period.ledger)


def validator_table(ledger: ReportQueries) -> "pd.DataFrame":
    """Return one row per miner and validator, with everything so far; the period does not matter."""
    frame = ledger.validators()
    submitted = frame["total_tasks_submitted"].clip(lower=1)
    frame["success_rate"] = (frame["total_successful_submissions"] / submitted).astype("float64")
    return frame[list(VALIDATOR_COLUMNS)]


REPORTS = {
    report.name: report
    for report in (
        Report(
            "rewards",
            "Outcomes and standings",
            REWARD_COLUMNS,
            _reward_rows,
            (
                task_charts.outcomes_by_hour,
                task_charts.standings,
                task_charts.fidelity_by_validator,
                task_charts.not_submitted_by_reason,
            ),
            shown=(
                *("validator_uid", "accepted", "rejected", "handed_back", "failed", "answer_unknown"),
                *("tasks", "mean_fidelity", "mean_local_score", "standing", "standing_change"),
                *("generation_s", "validator_hotkey", "miner_hotkey"),
            ),
        ),
        Report(
            "validators",
            "Validators",
            VALIDATOR_COLUMNS,
            _validator_rows,
            (task_charts.standings, task_charts.fidelity_by_validator, task_charts.outcomes_by_hour),
            shown=(
                *("uid", "last_reward", "success_rate", "total_tasks_received", "total_tasks_submitted"),
                *("total_successful_submissions", "total_handed_back", "average_score", "validator_average"),
                *("validator_window", "last_outcome", "last_task_received", "cooldown_until", "stake"),
                *("hotkey", "miner_hotkey"),
            ),
        ),
        Report(
            "tasks",
            "Tasks",
            REPORTED_TASK_COLUMNS,
            _task_rows,
            (
                task_charts.outcomes_by_hour,
                task_charts.local_score_against_fidelity,
                task_charts.seconds_by_stage,
                task_charts.not_submitted_by_reason,
            ),
            shown=(
                *("key", "prompt", "state", "reason", "validator_uid", "kind", "pulled_at", "generation_s"),
                *("local_score", "task_fidelity_score", "current_miner_reward", "endpoint"),
            ),
        ),
        Report(
            "earnings",
            "Earnings and cost",
            EARNING_COLUMNS,
            _earning_rows,
            (
                earning_charts.money_by_hour,
                earning_charts.alpha_by_hour,
                earning_charts.cost_by_validator,
                earning_charts.cost_by_recipe,
            ),
            shown=(
                *("hour", "alpha", "tao", "income", "cost", "profit", "gpu_hours", "accepted"),
                *("submitted", "cost_per_accepted", "incentive", "rank", "pruning_position"),
            ),
            scope="Income is what the chain paid our neuron in this time; cost is of the GPU hours.",
        ),
        *LEARNING_REPORTS,
    )
}
