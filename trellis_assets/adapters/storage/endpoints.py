"""The table of generation endpoints: how well they do. Who holds them is in `slots`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage.models import SlotRow, TaskRow
from trellis_assets.adapters.storage.transactions import Repository
from trellis_assets.adapters.storage.upsert import insert_ignoring_conflict
from trellis_assets.domain.endpoints.breaker import Breaker, Outcome
from trellis_assets.domain.endpoints.endpoints import Endpoint, Probe, after_outcome, after_probe
from trellis_assets.domain.endpoints.orientation import Orientation
from trellis_assets.domain.endpoints.orientation_trials import OrientationTrials
from trellis_assets.domain.tasks import TaskState

# The busy share is over so long; a task may have come this long before its generation ended.
SHARE_OVER, LONGEST_LIFE = timedelta(hours=1), timedelta(hours=1)


class SqlEndpoints(Repository):
    """`EndpointRepository` over SQLAlchemy."""

    def named(self, names: Sequence[str]) -> list[Endpoint]:
        """Return the named endpoints in their order; one that was never used is as new."""
        with self._reading() as session:
            known = {row.name: row for row in _read(session, names)}
        return [known.get(name) or Endpoint(name) for name in names]

    def record_probes(self, probes: Iterable[Probe], now: datetime) -> None:
        """Tell the circuit breakers what health probes found."""
        with self._writing() as session:
            # In one order by all, so that two who record at a time do not wait for each other.
            for probe in sorted(probes, key=lambda probe: probe.endpoint):
                _change(session, probe.endpoint, partial(after_probe, probe=probe, now=now))

    def record_orientation(self, endpoint: str, scores: Mapping[Orientation, float]) -> OrientationTrials:
        """Add the scores of one model, judged each way up; return all that is known."""

        def tried(known: Endpoint) -> Endpoint:
            return replace(known, orientation_trials=known.orientation_trials.after(scores))

        with self._writing() as session:
            return _change(session, endpoint, tried).orientation_trials


def all_endpoints(session: Session) -> list[Endpoint]:
    """Return every endpoint that was ever used, by name, without its busy share."""
    return _read(session, None)


def record_outcome(session: Session, name: str, outcome: Outcome, now: datetime) -> None:
    """Note how a generation on the endpoint ended; part of the transaction that frees it."""
    _change(session, name, lambda endpoint: after_outcome(endpoint, outcome, now))


def _read(session: Session, names: Sequence[str] | None) -> list[Endpoint]:
    # Columns, not entities: pollers ask for all of a thousand endpoints many times a minute.
    query: Select[Any] = (
        select(*SlotRow.__table__.columns, TaskRow.state, TaskRow.generation_started_at)
        .outerjoin(TaskRow, TaskRow.key == SlotRow.task_key)
        .order_by(SlotRow.endpoint)
    )
    if names is not None:
        query = query.where(SlotRow.endpoint.in_(names))
    found = []
    for row in session.execute(query):
        began_at = row.generation_started_at if row.state == str(TaskState.GENERATING) else None
        found.append(_endpoint_of(row, row.task_key, began_at))
    return found


def _change(session: Session, name: str, change: Callable[[Endpoint], Endpoint]) -> Endpoint:
    """Change the endpoint while its row is locked, and return it."""
    insert_ignoring_conflict(session, SlotRow, {"endpoint": name})
    row = session.get_one(SlotRow, name, with_for_update=True, populate_existing=True)
    changed = change(_endpoint_of(row, row.task_key, None))
    row.failures_in_a_row, row.openings = changed.breaker.failures_in_a_row, changed.breaker.consecutive_trips
    row.open_until, row.is_away = changed.breaker.open_until, changed.breaker.is_unreachable
    row.recent_s = list(changed.recent_s)
    row.generations, row.failures = changed.generations, changed.failures
    row.generation_s, row.last_error = changed.generation_s, changed.last_error
    row.last_failed_at, row.last_succeeded_at = changed.last_failed_at, changed.last_succeeded_at
    row.orientation_gains = {str(way): list(gains) for way, gains in changed.orientation_trials.gains.items()}
    row.failed_prompts, row.is_proven = list(changed.failed_prompts), changed.is_proven
    session.flush()
    return changed


def _endpoint_of(row: SlotRow | Row[Any], held_by: int | None, began_at: datetime | None) -> Endpoint:
    return Endpoint(
        name=row.endpoint,
        breaker=Breaker(row.failures_in_a_row, row.openings, row.open_until, row.is_away),
        held_by=held_by,
        began_at=began_at,
        last_used_at=row.last_used_at,
        recent_s=tuple(row.recent_s or ()),
        generations=row.generations,
        failures=row.failures,
        generation_s=row.generation_s,
        last_error=row.last_error,
        last_failed_at=row.last_failed_at,
        last_succeeded_at=row.last_succeeded_at,
        orientation_trials=OrientationTrials(
            {Orientation(way): tuple(gains) for way, gains in (row.orientation_gains or {}).items()}
        ),
        failed_prompts=tuple(row.failed_prompts or ()),
        is_proven=row.is_proven,
    )


def busy_shares(session: Session, started_at: datetime, now: datetime) -> dict[str, float]:
    """Return the share 0..1 of the last hour, or since `started_at`, that each endpoint spent on models."""
    since = max(started_at, now - SHARE_OVER)
    whole_s = (now - since).total_seconds()
    if whole_s <= 0:
        return {}
    # By the time they were pulled there is an index.
    query = (
        select(TaskRow.endpoint, func.sum(TaskRow.generation_s))
        .where(
            TaskRow.pulled_at >= since - LONGEST_LIFE,
            TaskRow.generated_at >= since,
            TaskRow.endpoint.is_not(None),
            TaskRow.reused_from.is_(None),
        )
        .group_by(TaskRow.endpoint)
    )
    return {name: min(1.0, seconds / whole_s) for name, seconds in session.execute(query) if name and seconds}
