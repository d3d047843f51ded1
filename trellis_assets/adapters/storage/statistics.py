"""Statistics: counters of validators, tasks by state, and snapshots of everything at a moment."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage.endpoints import all_endpoints, busy_shares
from trellis_assets.adapters.storage.mapping import counters_of
from trellis_assets.adapters.storage.models import PollRow, SnapshotRow, TaskRow, ValidatorRow
from trellis_assets.adapters.storage.sessions import started_at
from trellis_assets.adapters.storage.stage_times import stage_times
from trellis_assets.adapters.storage.totals import totals, totals_by_miner
from trellis_assets.adapters.storage.transactions import Repository
from trellis_assets.domain.statistics import StatisticsSnapshot, ValidatorCounters, sum_of
from trellis_assets.domain.statistics_export import to_json
from trellis_assets.domain.tasks import TaskState


class SqlStatistics(Repository):
    """`StatisticsRepository` over SQLAlchemy."""

    def validator_counters(self) -> list[ValidatorCounters]:
        """Return counters per miner and validator, the highest stake first."""
        with self._reading() as session:
            return _validator_counters(session)

    def count_by_state(self, session_id: int | None = None) -> dict[TaskState, int]:
        """Return the states that occur, with how often."""
        query = select(TaskRow.state, func.count()).group_by(TaskRow.state)
        if session_id is not None:
            query = query.where(TaskRow.session_id == session_id)
        with self._reading() as session:
            return {TaskState(state): count for state, count in session.execute(query)}

    def snapshot(self, session_id: int | None, now: datetime) -> StatisticsSnapshot:
        """Return the session's statistics at this moment; without a session, since the first one."""
        with self._reading() as session:
            began_at = started_at(session, session_id) or now
            shares = busy_shares(session, began_at, now)
            miners = totals_by_miner(session)
            return StatisticsSnapshot(
                taken_at=now,
                session_id=session_id,
                started_at=began_at,
                totals=sum_of(miners.values()) if session_id is None else totals(session, session_id),
                validators=tuple(_validator_counters(session)),
                stages=stage_times(session, session_id),
                endpoints=tuple(
                    replace(endpoint, busy_share=shares.get(endpoint.name, 0.0))
                    for endpoint in all_endpoints(session)
                ),
                miners=miners,
            )

    def save_snapshot(self, snapshot: StatisticsSnapshot) -> None:
        """Store the snapshot."""
        row = SnapshotRow(
            taken_at=snapshot.taken_at, session_id=snapshot.session_id, figures=to_json(snapshot)
        )
        with self._writing() as session:
            session.add(row)


def _validator_counters(session: Session) -> list[ValidatorCounters]:
    query = select(PollRow, ValidatorRow).outerjoin(ValidatorRow, ValidatorRow.hotkey == PollRow.hotkey)
    counters = [counters_of(poll, validator) for poll, validator in session.execute(query)]
    return sorted(counters, key=lambda c: (c.miner_hotkey, -c.stake, c.uid))
