"""The metagraph as it was last read, and how reads of it went."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage.mapping import validator_of
from trellis_assets.adapters.storage.models import MetagraphReadRow, ValidatorRow
from trellis_assets.adapters.storage.transactions import Repository
from trellis_assets.adapters.storage.upsert import insert, is_postgresql
from trellis_assets.domain.metagraph_reads import MetagraphRead
from trellis_assets.domain.validators import Validator


class SqlValidators(Repository):
    """`ValidatorRepository` over SQLAlchemy."""

    def save(self, validators: Iterable[Validator], now: datetime, *, source: str | None = None) -> None:
        """Store the metagraph: exactly these validators are listed, others are kept unlisted."""
        # By hotkey: a metagraph that lists one twice must not stop the miner.
        rows = {validator.hotkey: _row_of(validator, now) for validator in validators}
        with self._writing() as session:
            if is_postgresql(session):
                # Two metagraphs at a time would list the union of both; readers are not held up.
                session.execute(text("LOCK TABLE validators IN SHARE ROW EXCLUSIVE MODE"))
            session.execute(update(ValidatorRow).values(is_listed=False))
            if rows:
                _upsert(session, list(rows.values()))
            if source is not None:
                succeeded = {"read_at": now, "failures": 0, "next_read_at": None, "reason": None}
                _note_read(session, source, succeeded)

    def listed(self) -> tuple[list[Validator], datetime | None]:
        """Return the validators of the last stored metagraph, and when it was stored (None: never)."""
        # Columns, not entities: a subnet has 256, which are asked for with every poll and submission.
        query = select(*ValidatorRow.__table__.columns).where(ValidatorRow.is_listed)
        with self._reading() as session:
            rows = session.execute(query).all()
        return [validator_of(row) for row in rows], max((row.saved_at for row in rows), default=None)

    def metagraph_read(self, source: str) -> MetagraphRead:
        """Return how reads from the source went; without a row, whether another one's list is stored."""
        with self._reading() as session:
            ours = session.get(MetagraphReadRow, source)
            read_at = ours.read_at if ours is not None else None
            newer = MetagraphReadRow.read_at
            others = select(func.count()).where(
                MetagraphReadRow.source != source,
                newer.is_not(None) if read_at is None else newer > read_at,
            )
            is_current = not session.scalar(others)
            if ours is None:
                return MetagraphRead(source, is_current)
            return MetagraphRead(source, is_current, read_at, ours.failures, ours.next_read_at, ours.reason)

    def record_metagraph_failure(
        self, source: str, *, failures: int, reason: str, next_read_at: datetime
    ) -> None:
        """Store that the source could not be read, and when it may be tried again."""
        failed = {"failures": failures, "next_read_at": next_read_at, "reason": reason}
        with self._writing() as session:
            _note_read(session, source, failed)


def _row_of(validator: Validator, now: datetime) -> dict[str, Any]:
    return {
        "hotkey": validator.hotkey,
        "uid": validator.uid,
        "ip": validator.ip,
        "port": validator.port,
        "stake": validator.stake,
        "trust": validator.trust,
        "consensus": validator.consensus,
        "validator_permit": validator.validator_permit,
        "is_listed": True,
        "saved_at": now,
    }


def _upsert(session: Session, rows: list[dict[str, Any]]) -> None:
    statement = insert(session, ValidatorRow)
    newer = {name: getattr(statement.excluded, name) for name in rows[0]}
    session.execute(statement.on_conflict_do_update(index_elements=[ValidatorRow.hotkey], set_=newer), rows)


def _note_read(session: Session, source: str, values: dict[str, Any]) -> None:
    statement = insert(session, MetagraphReadRow).values(source=source, **values)
    session.execute(
        statement.on_conflict_do_update(index_elements=[MetagraphReadRow.source], set_=values),
    )
