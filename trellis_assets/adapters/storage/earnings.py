"""Records of our own neuron by the hour, and what tasks and sessions took."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, select
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage.models import (
    CandidateRow,
    NeuronRecordRow,
    SessionRow,
    SnapshotRow,
    TaskRow,
    ValidatorRow,
)
from trellis_assets.adapters.storage.transactions import Repository
from trellis_assets.adapters.storage.upsert import insert
from trellis_assets.domain.earnings.cost import SessionSpan
from trellis_assets.domain.earnings.economy import NeuronRecord
from trellis_assets.domain.earnings.income import HOUR, hour_of
from trellis_assets.domain.earnings.report import Usage
from trellis_assets.domain.scheduling.prefetch import ENDPOINTS_FLAG
from trellis_assets.domain.sessions import MINER_FLAG
from trellis_assets.domain.tasks import TaskState

_KEY = ("source", "miner_hotkey", "hour")
_NAMES = [field.name for field in fields(NeuronRecord)]
_SUBMITTED = (TaskState.ACCEPTED, TaskState.REJECTED, TaskState.ANSWER_UNKNOWN)


class SqlEarnings(Repository):
    """`EarningsRepository` over SQLAlchemy."""

    def record(self, neuron: NeuronRecord) -> None:
        """Store the record of its hour; the first read of the hour stays known."""
        values = asdict(neuron) | {"hour": hour_of(neuron.read_at)}
        newer = {name: value for name, value in values.items() if name not in {*_KEY, "first_read_at"}}
        with self._writing() as session:
            statement = insert(session, NeuronRecordRow).values(**values)
            session.execute(statement.on_conflict_do_update(index_elements=_KEY, set_=newer))

    def latest(self, source: str, miner_hotkey: str) -> NeuronRecord | None:
        """Return the record of the last hour that was read."""
        query = (
            select(NeuronRecordRow)
            .where(NeuronRecordRow.source == source, NeuronRecordRow.miner_hotkey == miner_hotkey)
            .order_by(NeuronRecordRow.hour.desc())
            .limit(1)
        )
        with self._reading() as session:
            row = session.scalar(query)
            return _record_of(row) if row is not None else None

    def records(
        self, source: str | None, miner_hotkey: str, start: datetime, end: datetime
    ) -> Sequence[NeuronRecord]:
        """Return the records from the hour before `start` on, oldest first; source None: of all."""
        query = (
            select(NeuronRecordRow)
            .where(
                *([NeuronRecordRow.source == source] if source is not None else []),
                NeuronRecordRow.miner_hotkey == miner_hotkey,
                NeuronRecordRow.hour >= hour_of(start) - HOUR,
                NeuronRecordRow.hour < end,
            )
            .order_by(NeuronRecordRow.hour)
        )
        with self._reading() as session:
            return [_record_of(row) for row in session.scalars(query)]

    def usage_by_validator(self, miner_hotkey: str, start: datetime, end: datetime) -> Sequence[Usage]:
        """Return GPU seconds and outcomes of tasks that ended in start..end, by validator.

        GPU seconds are those of all candidates of a task; of a task without recorded candidates, those of its
        generation, unless it reused a result.
        """
        ended = _ended(miner_hotkey, start, end)
        made = (
            select(CandidateRow.task_key, func.sum(CandidateRow.duration_s).label("seconds"))
            .join(TaskRow, TaskRow.key == CandidateRow.task_key)
            .where(*ended, ~CandidateRow.is_idle)
            .group_by(CandidateRow.task_key)
            .subquery()
        )
        seconds = case((TaskRow.reused_from.is_(None), func.coalesce(made.c.seconds, TaskRow.generation_s)))
        hotkey = func.coalesce(TaskRow.validator_hotkey, "").label("hotkey")
        uid, stake = func.max(TaskRow.validator_uid), func.max(TaskRow.validator_stake)
        query = (
            select(
                hotkey,
                func.count(),
                _count(TaskRow.state.in_([str(state) for state in _SUBMITTED])),
                _count(TaskRow.state == str(TaskState.ACCEPTED)),
                func.coalesce(func.sum(seconds), 0.0),
                func.coalesce(func.max(ValidatorRow.uid), uid),
                func.coalesce(func.max(ValidatorRow.stake), stake, 0.0),
            )
            .select_from(TaskRow)
            .outerjoin(made, made.c.task_key == TaskRow.key)
            .outerjoin(ValidatorRow, ValidatorRow.hotkey == TaskRow.validator_hotkey)
            .where(*ended)
            .group_by(hotkey)
            .order_by(hotkey)
        )
        with self._reading() as session:
            return [Usage(*row) for row in session.execute(query)]

    def usage_by_recipe(self, miner_hotkey: str, start: datetime, end: datetime) -> Sequence[Usage]:
        """Return GPU seconds and outcomes by recipe; a result counts for its chosen candidate's."""
        is_submitted = TaskRow.state.in_([str(state) for state in _SUBMITTED]) & CandidateRow.is_chosen
        is_accepted = (TaskRow.state == str(TaskState.ACCEPTED)) & CandidateRow.is_chosen
        query = (
            select(
                CandidateRow.recipe,
                func.count(TaskRow.key.distinct()),
                _count(is_submitted),
                _count(is_accepted),
                func.sum(CandidateRow.duration_s),
            )
            .join(TaskRow, TaskRow.key == CandidateRow.task_key)
            .where(*_ended(miner_hotkey, start, end), ~CandidateRow.is_idle)
            .group_by(CandidateRow.recipe)
            .order_by(CandidateRow.recipe)
        )
        with self._reading() as session:
            return [Usage(*row) for row in session.execute(query)]

    def sessions(self, miner_hotkey: str, start: datetime, end: datetime) -> Sequence[SessionSpan]:
        """Return the sessions of the miner in start..end; those that name no miner are everybody's."""
        with self._reading() as session:
            query = select(SessionRow).where(
                SessionRow.started_at < end, SessionRow.ended_at.is_(None) | (SessionRow.ended_at > start)
            )
            rows = session.scalars(query.order_by(SessionRow.id)).all()
            return [
                SessionSpan(row.started_at, row.ended_at, _last_sign(session, row), _gpus(row.flags))
                for row in rows
                if (row.flags or {}).get(MINER_FLAG) in {None, miner_hotkey}
            ]


def newest_records(session: Session) -> list[NeuronRecord]:
    """Return the last record of every source and miner."""
    group = (NeuronRecordRow.source, NeuronRecordRow.miner_hotkey)
    newest = select(*group, func.max(NeuronRecordRow.hour).label("hour")).group_by(*group).subquery()
    same = [getattr(NeuronRecordRow, name) == newest.c[name] for name in _KEY]
    query = select(NeuronRecordRow).join(newest, and_(*same)).order_by(*group)
    return [_record_of(row) for row in session.scalars(query)]


def _record_of(row: NeuronRecordRow) -> NeuronRecord:
    return NeuronRecord(**{name: getattr(row, name) for name in _NAMES})


def _ended(miner_hotkey: str, start: datetime, end: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        # As an expression, so that no index finds all tasks of the miner: there may be a million.
        TaskRow.miner_hotkey.concat("") == miner_hotkey,
        TaskRow.finished_at >= start,
        TaskRow.finished_at < end,
    )


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _gpus(flags: Mapping[str, Any] | None) -> int:
    named = (flags or {}).get(ENDPOINTS_FLAG)
    return max(1, len(named)) if isinstance(named, list) else 1


def _last_sign(session: Session, row: SessionRow) -> datetime | None:
    """Return when the session's last statistics were taken; not asked for where it has ended."""
    if row.ended_at is not None:
        return None
    # Not by its tasks: a session may have a million, and statistics are taken every ten minutes.
    return session.scalar(select(func.max(SnapshotRow.taken_at)).where(SnapshotRow.session_id == row.id))
