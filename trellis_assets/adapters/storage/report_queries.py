"""The store as tables for reports: read in chunks, and summed where the database can sum."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Executable,
    Select,
    SQLColumnExpression,
    String,
    case,
    func,
    literal,
    select,
    type_coerce,
)

from trellis_assets.adapters.storage.frames import typed
from trellis_assets.adapters.storage.models import PollRow, TaskRow, ValidatorRow
from trellis_assets.domain.columns.column import Column, Part
from trellis_assets.domain.columns.other_columns import REWARD_COLUMNS, VALIDATOR_COLUMNS
from trellis_assets.domain.columns.task_columns import REPORTED_TASK_COLUMNS, TASK_COLUMNS
from trellis_assets.domain.earnings.report import Prices
from trellis_assets.domain.ended_tasks import EndedTask, HourStanding, OutcomeCount
from trellis_assets.domain.tasks import TaskKind, TaskState
from trellis_assets.ports import EarningQueries, LearningQueries

if TYPE_CHECKING:
    import pandas as pd

CHUNK_ROWS = 20_000
_TASK_COLUMNS = [getattr(TaskRow, name) for name in REPORTED_TASK_COLUMNS if name != "prompt"]


class SqlReportQueries:
    """`ReportQueries` over SQLAlchemy."""

    def __init__(self, engine: Engine, prices: Prices | None = None) -> None:
        self._engine, self._prices = engine, prices or Prices()

    def priced(self, prices: Prices) -> "SqlReportQueries":
        """Return the same store's tables with these prices."""
        return SqlReportQueries(self._engine, prices)

    @property
    def earnings(self) -> EarningQueries:
        """Return what mining earned and cost."""
        from trellis_assets.adapters.storage.earnings_by_hour import SqlEarningsByHour

        return SqlEarningsByHour(self._engine, self._prices)

    @property
    def learning(self) -> LearningQueries:
        """Return what was recorded, for the pages of what is learnt."""
        # Its models need scipy, which most processes never load.
        from trellis_assets.adapters.storage.learning_queries import SqlLearningQueries

        return SqlLearningQueries(self._engine)

    def tasks(self, start: datetime, end: datetime, *, newest: int | None = None) -> Iterator["pd.DataFrame"]:
        """Return tasks pulled in start..end (excluded) in chunks, oldest first; at most `newest`."""
        is_image = TaskRow.kind == str(TaskKind.IMAGE)
        shown = case((is_image, "image:" + TaskRow.prompt_sha256), else_=TaskRow.prompt)
        query = select(*_TASK_COLUMNS, shown.label("prompt")).where(
            TaskRow.pulled_at >= start, TaskRow.pulled_at < end
        )
        if newest is not None:
            keys = select(TaskRow.key).where(TaskRow.pulled_at >= start, TaskRow.pulled_at < end)
            query = query.where(TaskRow.key.in_(keys.order_by(TaskRow.key.desc()).limit(newest)))
        yield from self._chunks(query.order_by(TaskRow.key))

    def rewards(self, start: datetime, end: datetime) -> "pd.DataFrame":
        """Return per miner and validator what tasks that ended in start..end (excluded) brought."""
        accepted = TaskRow.state == str(TaskState.ACCEPTED)
        group = (TaskRow.miner_hotkey, TaskRow.validator_hotkey, TaskRow.validator_uid)
        is_of_period = (TaskRow.finished_at >= start, TaskRow.finished_at < end)
        heard = TaskRow.feedback_at
        newest = func.row_number().over(partition_by=group, order_by=(heard.desc(), TaskRow.key.desc()))
        oldest = func.row_number().over(partition_by=group, order_by=(heard, TaskRow.key))
        ranks = (
            select(TaskRow.key, newest.label("newest"), oldest.label("oldest"))
            .where(*is_of_period, TaskRow.current_miner_reward.is_not(None))
            .subquery()
        )
        columns: dict[str, ColumnElement[Any]] = {
            "tasks": func.count(),
            "accepted": _count(accepted),
            "rejected": _count(TaskRow.state == str(TaskState.REJECTED)),
            "answer_unknown": _count(TaskRow.state == str(TaskState.ANSWER_UNKNOWN)),
            "handed_back": _count(TaskRow.state == str(TaskState.HANDED_BACK)),
            "failed": _count(TaskRow.state == str(TaskState.FAILED)),
            **{
                c.name: _mean(TASK_COLUMNS[c.mean_of], accepted) for c in REWARD_COLUMNS.values() if c.mean_of
            },
            # A reward is a level: the latest tells, a sum of them says nothing.
            "standing": func.max(case((ranks.c.newest == 1, TaskRow.current_miner_reward))),
            "standing_change": func.max(case((ranks.c.newest == 1, TaskRow.current_miner_reward)))
            - func.max(case((ranks.c.oldest == 1, TaskRow.current_miner_reward))),
            "generation_s": func.coalesce(func.sum(TaskRow.generation_s), 0.0),
        }
        query = (
            select(*group, *(column.label(name) for name, column in columns.items()))
            .outerjoin(ranks, ranks.c.key == TaskRow.key)
            .where(*is_of_period)
            .group_by(*group)
            .order_by(*group)
        )
        return self._frame(query, REWARD_COLUMNS)

    def validators(self) -> "pd.DataFrame":
        """Return per miner and validator what was polled, submitted and earned so far."""
        polls = [column for column in PollRow.__table__.columns if column.key in VALIDATOR_COLUMNS]
        known = (ValidatorRow.uid, ValidatorRow.stake, ValidatorRow.is_listed)
        query = (
            select(*polls, *known)
            .outerjoin(ValidatorRow, ValidatorRow.hotkey == PollRow.hotkey)
            .order_by(PollRow.miner_hotkey, ValidatorRow.stake.desc().nulls_last(), PollRow.hotkey)
        )
        return self._frame(query, VALIDATOR_COLUMNS)

    def reasons(
        self, start: datetime, end: datetime, *, with_rejected: bool = False
    ) -> list[tuple[str, int]]:
        """Count the tasks that ended in start..end (excluded) without a submission, by reason."""
        states = [str(TaskState.HANDED_BACK), str(TaskState.FAILED), str(TaskState.KEPT)]
        if with_rejected:
            states.append(str(TaskState.REJECTED))
        colon = func.instr(TaskRow.reason, ":") if self._is_sqlite else func.strpos(TaskRow.reason, ":")
        short = case((colon > 0, func.substr(TaskRow.reason, 1, colon - 1)), else_=TaskRow.reason)
        # By another name than the column's: databases group by the column where both have one.
        reason = func.coalesce(short, TaskRow.state).label("short_reason")
        grouped = (
            select(reason, func.count().label("tasks"))
            .where(TaskRow.finished_at >= start, TaskRow.finished_at < end, TaskRow.state.in_(states))
            .group_by("short_reason")
            .subquery()
        )
        query = select(grouped).order_by(grouped.c.tasks.desc(), grouped.c.short_reason)
        with self._reading() as connection:
            return [(reason, tasks) for reason, tasks in connection.execute(query)]

    def outcomes(
        self, start: datetime, end: datetime, *, edges: Sequence[datetime] = ()
    ) -> list[OutcomeCount]:
        """Count the tasks that ended in start..end (excluded), by hour, state, kind, endpoint, validator."""
        finished = TaskRow.finished_at
        spans = [(finished < edge, number) for number, edge in enumerate(edges)]
        span: ColumnElement[int] = case(*spans, else_=len(edges)) if spans else literal(0)
        hour = self._hour(finished).label("hour")
        group = (
            hour,
            span.label("span"),
            TaskRow.state,
            TaskRow.kind,
            TaskRow.endpoint,
            TaskRow.validator_hotkey,
        )
        seconds = func.coalesce(func.sum(TaskRow.generation_s), 0.0)
        query = (
            select(*group, func.count(), seconds)
            .where(finished >= start, finished < end)
            .group_by(*(column.name for column in group))
            .order_by("hour")
        )
        with self._reading() as connection:
            rows = connection.execute(query)
            return [
                OutcomeCount(_moment(hour), span, state, kind, endpoint, validator, tasks, seconds or 0.0)
                for hour, span, state, kind, endpoint, validator, tasks, seconds in rows
            ]

    def standings(self, start: datetime, end: datetime) -> list[HourStanding]:
        """Return the last standing of each hour with each validator, oldest first."""
        finished = TaskRow.finished_at
        who = (TaskRow.miner_hotkey, TaskRow.validator_hotkey)
        hour = self._hour(finished).label("hour")
        newest = func.row_number().over(
            partition_by=(*who, hour), order_by=(finished.desc(), TaskRow.key.desc())
        )
        answered = [str(TaskState.ACCEPTED), str(TaskState.REJECTED)]
        ranked = (
            select(*who, TaskRow.validator_uid, hour, TaskRow.current_miner_reward, newest.label("newest"))
            .where(finished >= start, finished < end, TaskRow.state.in_(answered))
            .where(TaskRow.current_miner_reward.is_not(None), TaskRow.validator_hotkey.is_not(None))
            .subquery()
        )
        columns = (
            ranked.c.miner_hotkey,
            ranked.c.validator_hotkey,
            ranked.c.validator_uid,
            ranked.c.hour,
            ranked.c.current_miner_reward,
        )
        query = select(*columns).where(ranked.c.newest == 1).order_by(ranked.c.hour)
        with self._reading() as connection:
            rows = connection.execute(query)
            return [HourStanding(m, v, uid, _moment(at), reward) for m, v, uid, at, reward in rows]

    def ended(self, start: datetime, end: datetime, *, newest: int) -> list[EndedTask]:
        """Return few columns of the newest tasks that ended in start..end (excluded), oldest first."""
        finished = TaskRow.finished_at
        query = (
            select(
                TaskRow.state,
                TaskRow.validator_uid,
                TaskRow.local_score,
                TaskRow.task_fidelity_score,
                TaskRow.pulled_at,
                TaskRow.generation_started_at,
                TaskRow.generation_s,
                TaskRow.validation_s,
                TaskRow.submission_s,
            )
            .where(finished >= start, finished < end)
            .order_by(finished.desc(), TaskRow.key.desc())
            .limit(newest)
        )
        with self._reading() as connection:
            rows = connection.execute(query).all()
        return [
            EndedTask(state, uid, local, fidelity, _seconds(pulled, began), *durations)
            for state, uid, local, fidelity, pulled, began, *durations in reversed(rows)
        ]

    def _hour(self, column: SQLColumnExpression[Any]) -> ColumnElement[str]:
        """Return the hour of a time in UTC as text, `2026-11-23 12`, which `_moment` reads."""
        if self._is_sqlite:
            return func.substr(type_coerce(column, String), 1, 13)
        return func.to_char(func.timezone("UTC", column), "YYYY-MM-DD HH24")

    def _reading(self) -> Connection:
        return self._engine.connect().execution_options(reads_only=True)

    @property
    def _is_sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    def _frame(self, query: Executable, columns: Mapping[str, Column]) -> "pd.DataFrame":
        import pandas as pd

        with self._reading() as connection:
            found = connection.execute(query)
            return typed(pd.DataFrame(found.all(), columns=list(found.keys())), columns)

    def _chunks(self, query: Select[Any]) -> Iterator["pd.DataFrame"]:
        """Yield at least one chunk, so that an empty table has its columns."""
        import pandas as pd

        with self._engine.connect().execution_options(reads_only=True, yield_per=CHUNK_ROWS) as connection:
            found = connection.execute(query)
            names, is_empty = list(found.keys()), True
            for rows in found.partitions():
                is_empty = False
                yield typed(pd.DataFrame(rows, columns=names), REPORTED_TASK_COLUMNS)
            if is_empty:
                yield typed(pd.DataFrame([], columns=names), REPORTED_TASK_COLUMNS)


def _mean(column: Column, accepted: ColumnElement[bool]) -> ColumnElement[Any]:
    stored = getattr(TaskRow, column.name)
    return func.avg(case((accepted, stored)) if column.part is Part.FEEDBACK else stored)


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _moment(hour: str) -> datetime:
    return datetime.fromisoformat(f"{hour}:00").replace(tzinfo=UTC)


def _seconds(start: datetime, end: datetime | None) -> float | None:
    return None if end is None else (end - start).total_seconds()
