"""Types that Dagster shows for columns, against the store's schema and the very files."""

from typing import Any

import pandas as pd
import pytest
from pandas.api import types

from trellis_assets.adapters.storage import models
from trellis_assets.adapters.storage.report_queries import SqlReportQueries
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.reports.columns import (
    COLUMN_TYPES,
    REWARD_COLUMNS,
    TASK_COLUMNS,
    VALIDATOR_COLUMNS,
)
from trellis_assets.reports.tables import validator_table
from trellis_assets.testing.fakes import NOW, a_validator
from trellis_assets_tests.ended_tasks import History

PYTHON_TYPES = {"str": "string", "int": "int", "float": "float", "bool": "bool", "datetime": "timestamp"}


@pytest.mark.parametrize(
    ("tables", "columns"),
    [
        ((models.TaskRow,), TASK_COLUMNS),
        ((models.TaskRow,), REWARD_COLUMNS),
        ((models.PollRow, models.ValidatorRow), VALIDATOR_COLUMNS),
    ],
)
def test_types_shown_are_those_of_the_schema(tables: tuple[Any, ...], columns: dict[str, str]) -> None:
    for name in columns:
        assert name in COLUMN_TYPES
        for table in tables:
            if name in table.__table__.columns:
                kind = table.__table__.columns[name].type
                python = getattr(kind, "impl_instance", kind).python_type.__name__
                assert COLUMN_TYPES[name] == PYTHON_TYPES[python], name
                break


def test_computed_columns_have_the_types_of_their_values(store: SqlStore) -> None:
    store.validators.save([a_validator(1)], NOW)
    History(store).answered()
    ledger = SqlReportQueries(store.engine)
    frames = ledger.rewards(NOW.replace(hour=0), NOW.replace(hour=23)), validator_table(ledger)
    checks = {"int": types.is_integer_dtype, "float": types.is_numeric_dtype}
    for frame in frames:
        assert len(frame) == 1
        for name in frame.columns:
            check = checks.get(COLUMN_TYPES[name])
            if check is not None and frame[name].notna().all():
                assert check(pd.to_numeric(frame[name])), name
