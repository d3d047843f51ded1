"""The registry of columns against the store's schema, the value objects, and the very files of reports."""

import dataclasses
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import JSON

from trellis_assets.adapters.storage import models
from trellis_assets.adapters.storage.frames import DTYPES
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.columns.column import Column, Part
from trellis_assets.domain.columns.other_columns import REWARD_COLUMNS, VALIDATOR_COLUMNS
from trellis_assets.domain.columns.task_columns import TASK_COLUMNS, columns_of_part
from trellis_assets.domain.feedback import Feedback
from trellis_assets.domain.generations import Generation
from trellis_assets.domain.submissions import Submission
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.reports.files import write_report
from trellis_assets.reports.period import ReportPeriod
from trellis_assets.reports.tables import REPORTS
from trellis_assets.testing.fakes import NOW, a_validator
from trellis_assets_tests.ended_tasks import History

START, END = NOW.replace(hour=0), NOW.replace(hour=23)
PARQUET_TYPES = {
    str: {"string", "large_string"},
    int: {"int64"},
    float: {"double"},
    bool: {"bool"},
    datetime: {"timestamp[us, tz=UTC]"},
}


@pytest.mark.parametrize(
    ("tables", "columns"),
    [
        ((models.TaskRow,), TASK_COLUMNS),
        ((models.TaskRow,), REWARD_COLUMNS),
        ((models.PollRow, models.ValidatorRow), VALIDATOR_COLUMNS),
    ],
)
def test_declared_types_are_those_of_the_schema(tables: tuple[Any, ...], columns: dict[str, Column]) -> None:
    for name, column in columns.items():
        for table in tables:
            if name in table.__table__.columns:
                kind = table.__table__.columns[name].type
                kind = getattr(kind, "impl_instance", kind)
                is_json = isinstance(kind, JSON) and column.type in {dict, list}
                assert is_json or column.type is kind.python_type, name
                break


@pytest.mark.parametrize(
    ("part", "value"),
    [
        (Part.GENERATION, Generation),
        (Part.VERDICT, Verdict),
        (Part.SUBMISSION, Submission),
        (Part.FEEDBACK, Feedback),
    ],
)
def test_every_field_of_a_part_has_its_column(part: Part, value: type) -> None:
    stored = {column.field.partition(".")[0] for column in columns_of_part(part)}
    assert stored == {field.name for field in dataclasses.fields(value)}
    assert all(column.name in models.TaskRow.__table__.columns for column in columns_of_part(part))


@pytest.mark.both_databases
@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("is_empty", [True, False])
def test_every_reported_column_has_its_declared_type(
    store: SqlStore, tmp_path: Path, name: str, *, is_empty: bool
) -> None:
    if not is_empty:
        store.validators.save([a_validator(1)], NOW)
        History(store).answered()
    report = REPORTS[name]
    for frame in report.rows(ReportPeriod(store.reports, START, END)):
        assert {c: str(frame[c].dtype) for c in frame} == {c: DTYPES[report.columns[c].type] for c in frame}
    path = tmp_path / "report.parquet"
    # These have rows of candidates, of decisions, of models that are told apart, and of hours of the chain.
    has_row = not is_empty and name not in {"recipes", "experiments", "gain", "failures", "earnings"}
    assert write_report(store.reports, name, START, END, path) == int(has_row)
    for field in pq.read_schema(path):
        assert str(field.type) in PARQUET_TYPES[report.columns[field.name].type], field
