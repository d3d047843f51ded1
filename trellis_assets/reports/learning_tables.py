"""The reports of what is learnt: everything recorded until the end of their period, the newest rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from trellis_assets.adapters.storage.frames import typed
from trellis_assets.domain.columns.column import Column
from trellis_assets.domain.columns.learning_columns import (
    ACCEPTANCE_COLUMNS,
    EXPERIMENT_COLUMNS,
    FAILURE_COLUMNS,
    GAIN_COLUMNS,
    RECIPE_COLUMNS,
)
from trellis_assets.reports import learning_charts
from trellis_assets.reports.period import ReportPeriod
from trellis_assets.reports.report import Report

if TYPE_CHECKING:
    import pandas as pd


SCOPE = "Of everything recorded until the end of this time: the newest 2,000 rows."


def _rows(
    columns: Mapping[str, Column], found: Callable[[ReportPeriod], Sequence[Mapping[str, Any]]]
) -> Callable[[ReportPeriod], Iterator["pd.DataFrame"]]:
    def rows(period: ReportPeriod) -> Iterator["pd.DataFrame"]:
        import pandas as pd

        given = [{name: row[name] for name in columns} for row in found(period)]
        yield typed(pd.DataFrame(given, columns=list(columns)), columns)

    return rows


LEARNING_REPORTS = (
    Report(
        "acceptance",
        "What validators accept",
        ACCEPTANCE_COLUMNS,
        _rows(ACCEPTANCE_COLUMNS, lambda period: [asdict(row) for row in period.acceptance]),
        (learning_charts.accepted_share_by_validator, learning_charts.calibration),
        scope=SCOPE,
    ),
    Report(
        "recipes",
        "Recipes",
        RECIPE_COLUMNS,
        _rows(RECIPE_COLUMNS, lambda period: [asdict(row) for row in period.recipes]),
        (learning_charts.scores_by_recipe, learning_charts.reservation_by_recipe),
        scope=SCOPE,
    ),
    Report(
        "experiments",
        "Recipes compared",
        EXPERIMENT_COLUMNS,
        _rows(EXPERIMENT_COLUMNS, lambda period: period.experiment_rows),
        (learning_charts.recipe_differences,),
        scope=SCOPE,
    ),
    Report(
        "gain",
        "Gain over the control share",
        GAIN_COLUMNS,
        _rows(GAIN_COLUMNS, lambda period: period.gain_rows),
        (learning_charts.gain_over_control,),
        scope=SCOPE,
    ),
    Report(
        "failures",
        "What fails, and what to change",
        FAILURE_COLUMNS,
        _rows(FAILURE_COLUMNS, lambda period: [asdict(row) for row in period.failing]),
        (learning_charts.what_fails,),
        scope=SCOPE,
    ),
)
