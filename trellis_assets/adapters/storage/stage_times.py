"""How long the stages of tasks take: means and quantiles."""

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage.models import TaskRow
from trellis_assets.domain.statistics import STAGES, StageTimes

# Databases have no quantiles in common. Of more tasks than this, the newest are looked at: what was
# long ago says little of how it goes, and reading a million rows takes seconds.
NEWEST = 100_000


def stage_times(session: Session, session_id: int | None) -> dict[str, StageTimes]:
    """Return times by stage, over the newest tasks of the session, or of all."""
    query = select(
        TaskRow.pulled_at,
        TaskRow.generation_started_at,
        TaskRow.generation_s,
        TaskRow.validation_s,
        TaskRow.submission_s,
    )
    if session_id is not None:
        query = query.where(TaskRow.session_id == session_id)
    rows = session.execute(query.order_by(TaskRow.key.desc()).limit(NEWEST)).all()
    waits = [(started - pulled).total_seconds() if started else None for pulled, started, *_ in rows]
    columns: list[list[float | None]] = [waits]
    columns += [list(column) for column in ([r[2] for r in rows], [r[3] for r in rows], [r[4] for r in rows])]
    return {stage: _times(column) for stage, column in zip(STAGES, columns, strict=True)}


def _times(values: list[float | None]) -> StageTimes:
    array = np.array([value for value in values if value is not None], np.float64)
    array = array[np.isfinite(array)]
    if not len(array):
        return StageTimes()
    p50, p95 = np.quantile(array, [0.5, 0.95])
    return StageTimes(len(array), float(array.mean()), float(p50), float(p95))
