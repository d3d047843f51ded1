"""A store in the middle of mining: a history, and an active task at all endpoints but one."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from ledger import chunks
from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage.models import SlotRow, TaskRow
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.tasks import LEASE, TaskState
from trellis_assets.system.clock import SystemClock
from trellis_assets.testing.fakes import MINER, a_validator

HISTORY = 20_000
VALIDATORS = 20
_CHUNK = 2_000


def fill(store: SqlStore, endpoints: Sequence[str]) -> None:
    """Store days of history, the metagraph, and an active task at each endpoint but the one in the middle."""
    now = SystemClock().now()
    free = endpoints[len(endpoints) // 2]
    busy = [endpoint for endpoint in endpoints if endpoint != free]
    rows = [row | {"session_id": None} for chunk in chunks(HISTORY, now) for row in chunk]
    with store.engine.begin() as connection:
        for start in range(0, HISTORY, _CHUNK):
            connection.execute(insert(TaskRow), [_unkeyed(row) for row in rows[start : start + _CHUNK]])
        if busy:
            under_way = [_unkeyed(rows[0] | _under_way(number, now)) for number in range(len(busy))]
            keys = connection.scalars(insert(TaskRow).returning(TaskRow.key), under_way).all()
            held = zip(busy, keys, strict=True)
            slots = [{"endpoint": endpoint, "task_key": key, "held_until": now} for endpoint, key in held]
            connection.execute(insert(SlotRow), slots)
    if store.engine.dialect.name == "postgresql":
        with (
            store.engine.begin() as connection
        ):  # as autovacuum does it in a store that has lived for a while
            connection.exec_driver_sql("ANALYZE")
    store.validators.save([a_validator(uid) for uid in range(1, VALIDATORS + 1)], now)


def keep_busy(store: SqlStore) -> None:
    """Renew the leases of the active tasks."""
    until = SystemClock().now() + LEASE
    with store.engine.begin() as connection:
        of_others = TaskRow.finished_at.is_(None), TaskRow.task_id.startswith("busy-")
        connection.execute(update(TaskRow).where(*of_others).values(claimed_until=until))
        connection.execute(update(SlotRow).where(SlotRow.task_key.is_not(None)).values(held_until=until))


def _under_way(number: int, now: datetime) -> dict[str, Any]:
    began = now - timedelta(seconds=1)
    changes = {"state": str(TaskState.GENERATING), "finished_at": None, "miner_hotkey": MINER}
    changes |= {
        "task_id": f"busy-{number}",
        "run_id": f"other-{number}",
        "validator_hotkey": f"5Busy{number}",
    }
    return changes | {"generation_started_at": began, "pulled_at": began, "claimed_until": now}


def _unkeyed(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "key"}


def bytes_per_task(store: SqlStore) -> float:
    """Return the bytes of the database per task, indexes and everything else included."""
    with Session(store.engine) as session:
        tasks = session.scalar(select(func.count()).select_from(TaskRow)) or 1
        if store.engine.dialect.name == "sqlite":
            pages = session.connection().exec_driver_sql("PRAGMA page_count").scalar() or 0
            size = session.connection().exec_driver_sql("PRAGMA page_size").scalar() or 0
            return pages * size / tasks
        return (session.scalar(select(func.pg_database_size(func.current_database()))) or 0) / tasks
