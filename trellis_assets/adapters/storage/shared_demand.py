"""What other miners of the same store have coming: their tasks may take the endpoints that ours would."""

from collections import Counter
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select

from trellis_assets.adapters.storage.models import PollRow, SessionRow, TaskRow
from trellis_assets.adapters.storage.transactions import Repository
from trellis_assets.domain.clock_skew import CLOCK_SLACK
from trellis_assets.domain.scheduling.prefetch import ENDPOINTS_FLAG, PROMPT_START, OtherMinerDemand
from trellis_assets.domain.tasks import TaskState


class SqlSharedDemand(Repository):
    """`SharedDemandRepository` over SQLAlchemy."""

    def of_other_miners(
        self, miner_hotkey: str, now: datetime, polled_since: datetime
    ) -> list[OtherMinerDemand]:
        """Return tasks of other miners that wait for an endpoint, and polls that may bring one, by session.

        A task that no run takes up waits for a worker, or its miner is gone: it delays no other task.
        """
        waiting = (
            select(TaskRow.session_id, func.count())
            .where(
                TaskRow.finished_at.is_(None),
                TaskRow.state == str(TaskState.PULLED),
                TaskRow.miner_hotkey != miner_hotkey,
                or_(
                    TaskRow.claimed_until.is_not(None),
                    TaskRow.pulled_at > now - PROMPT_START,
                ),
            )
            .group_by(TaskRow.session_id)
        )
        asked = (
            select(PollRow.asked_in, func.count())
            .where(
                PollRow.asked_at > polled_since,
                PollRow.asked_at <= now + CLOCK_SLACK,
                PollRow.miner_hotkey != miner_hotkey,
            )
            .group_by(PollRow.asked_in)
        )
        coming: Counter[int | None] = Counter()
        with self._reading() as session:
            for query in (waiting, asked):
                coming.update(dict(session.execute(query).tuples().all()))
            if not coming:
                return []
            named = select(SessionRow.id, SessionRow.flags).where(SessionRow.id.in_(coming))
            flags: dict[int, dict[str, Any]] = dict(session.execute(named).tuples().all())
        return [
            OtherMinerDemand(count, _endpoints(flags.get(number or 0))) for number, count in coming.items()
        ]


def _endpoints(flags: dict[str, Any] | None) -> frozenset[str] | None:
    names = (flags or {}).get(ENDPOINTS_FLAG)
    return frozenset(map(str, names)) if isinstance(names, list) else None
