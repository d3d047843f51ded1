"""Read what is monitored: some hundred rows however many tasks there are."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage.earnings import newest_records
from trellis_assets.adapters.storage.endpoints import all_endpoints
from trellis_assets.adapters.storage.models import (
    EventCountRow,
    MetagraphReadRow,
    PollRow,
    TaskRow,
    ValidatorRow,
)
from trellis_assets.adapters.storage.transactions import Repository
from trellis_assets.domain.event_counts import EventKey
from trellis_assets.domain.monitoring import MonitoredRead, MonitoredValidator, MonitoringFacts

_COUNTS = EventCountRow.__table__.columns
_POLLS, _VALIDATORS = PollRow.__table__.columns, ValidatorRow.__table__.columns
# Columns, not entities, and statements that are made once: a scrape takes a few milliseconds.
_ALL_COUNTS = select(
    _COUNTS.miner_hotkey, _COUNTS.validator_hotkey, _COUNTS.event, _COUNTS.detail, _COUNTS.total
)
_ALL_VALIDATORS = (
    select(
        _POLLS.miner_hotkey,
        _POLLS.hotkey,
        _VALIDATORS.uid,
        _VALIDATORS.stake,
        func.coalesce(_VALIDATORS.is_listed, False),
        _POLLS.total_pulls,
        _POLLS.failures_in_a_row,
        _POLLS.last_reward,
        _POLLS.validator_average,
        _POLLS.validator_window,
        _POLLS.last_duel_rating,
        _POLLS.cooldown_until,
        _POLLS.cooldown_violations,
        _POLLS.answered_at,
        _POLLS.last_task_received,
    )
    .select_from(PollRow.__table__.outerjoin(ValidatorRow.__table__, _VALIDATORS.hotkey == _POLLS.hotkey))
    .order_by(_POLLS.miner_hotkey, _POLLS.hotkey)
)
_ACTIVE = (
    select(TaskRow.miner_hotkey, TaskRow.state, func.count())
    .where(TaskRow.finished_at.is_(None))
    .group_by(TaskRow.miner_hotkey, TaskRow.state)
)
_READS = select(MetagraphReadRow.source, MetagraphReadRow.read_at, MetagraphReadRow.failures)


class SqlMonitoring(Repository):
    """`MonitoringRepository` over SQLAlchemy."""

    def facts(self, now: datetime) -> MonitoringFacts:
        """Return what is exported, of one consistent state of the store."""
        with self._reading() as session:
            return MonitoringFacts(
                read_at=now,
                events=_events(session),
                validators=[MonitoredValidator(*list(row)) for row in session.execute(_ALL_VALIDATORS)],
                endpoints=all_endpoints(session),
                active={(miner, state): count for miner, state, count in session.execute(_ACTIVE)},
                metagraph_reads=[MonitoredRead(*row) for row in session.execute(_READS)],
                neurons=newest_records(session),
            )


def _events(session: Session) -> dict[EventKey, float]:
    return {EventKey(*key): total for *key, total in session.execute(_ALL_COUNTS)}
