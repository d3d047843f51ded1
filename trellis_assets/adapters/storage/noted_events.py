"""Count events in the transaction that stores them.

What a transaction notes is written at its end, in one order: transactions that count the same events lock the
counts only as long as they commit, and never wait for each other in a circle.
"""

from collections import defaultdict

from sqlalchemy.orm import Session

from trellis_assets.adapters.storage.models import EventCountRow, TaskRow
from trellis_assets.adapters.storage.upsert import insert
from trellis_assets.domain.event_counts import Event, EventKey, observation, transition
from trellis_assets.domain.tasks import TaskState

_NOTED = "noted_events"


def note_transition(session: Session, row: TaskRow, before: TaskState | None) -> None:
    """Note that the task came to its present state from the state before; None: it is new."""
    for event, detail in transition(before, TaskState(row.state)):
        _noted(session)[EventKey(row.miner_hotkey, row.validator_hotkey or "", event, detail)] += 1.0


def note_value(session: Session, row: TaskRow, event: Event, value: float | None) -> None:
    """Note a duration or a score of the task; None is not counted."""
    for detail, added in observation(event, value):
        _noted(session)[EventKey(row.miner_hotkey, "", event, detail)] += added


def write_noted(session: Session) -> None:
    """Add what the transaction noted to the counts."""
    noted = session.info.pop(_NOTED, None)
    if not noted:
        return
    names = ("miner_hotkey", "validator_hotkey", "event", "detail")
    rows = [
        {name: getattr(key, name) for name in names} | {"total": added}
        for key, added in sorted(noted.items())
    ]
    session.flush()
    statement = insert(session, EventCountRow).values(rows)
    more = {"total": EventCountRow.total + statement.excluded.total}
    session.execute(statement.on_conflict_do_update(index_elements=names, set_=more))


def _noted(session: Session) -> defaultdict[EventKey, float]:
    noted: defaultdict[EventKey, float] = session.info.setdefault(_NOTED, defaultdict(float))
    return noted
