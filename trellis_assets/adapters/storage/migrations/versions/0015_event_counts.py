"""Add counts of events that never go back, for monitoring; tasks so far are counted once."""

from collections import Counter

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_KEY = ("miner_hotkey", "validator_hotkey", "event", "detail")
# Columns of the archive, by the state whose tasks they count.
_ARCHIVED = {
    "accepted": "successful_submissions",
    "rejected": "rejected_submissions",
    "answer_unknown": "unknown_submissions",
    "handed_back": "handed_back",
    "failed": "failed",
    "kept": "kept",
}


def upgrade() -> None:
    counts = op.create_table(
        "event_counts",
        sa.Column("miner_hotkey", sa.String(64), nullable=False),
        sa.Column("validator_hotkey", sa.String(64), nullable=False),
        sa.Column("event", sa.String(200), nullable=False),
        sa.Column("detail", sa.String(200), nullable=False, comment="outcome, bucket, or sum"),
        sa.Column("total", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint(*_KEY, name=op.f("pk_event_counts")),
    )
    found = _counted_tasks() + _counted_archive()
    rows = [dict(zip(_KEY, key, strict=True)) | {"total": float(n)} for key, n in found.items() if n]
    if rows:
        op.bulk_insert(counts, rows)


def downgrade() -> None:
    op.drop_table("event_counts")


def _counted_tasks() -> Counter[tuple[str, ...]]:
    tasks = sa.table("tasks", *(sa.column(name) for name in ("miner_hotkey", "validator_hotkey", "state")))
    group = (tasks.c.miner_hotkey, sa.func.coalesce(tasks.c.validator_hotkey, ""), tasks.c.state)
    found: Counter[tuple[str, ...]] = Counter()
    query = sa.select(*group, sa.func.count()).group_by(*group)
    for miner, validator, state, number in op.get_bind().execute(query):
        found[miner, validator, "pulled", ""] += number
        if state in _ARCHIVED:
            found[miner, validator, "settled", state] += number
    return found


def _counted_archive() -> Counter[tuple[str, ...]]:
    names = ("miner_hotkey", "validator_hotkey", "tasks_pulled", *_ARCHIVED.values())
    archive = sa.table("archived_tasks", *(sa.column(name) for name in names))
    found: Counter[tuple[str, ...]] = Counter()
    for row in op.get_bind().execute(sa.select(*(archive.c[name] for name in names))).mappings():
        key = (row["miner_hotkey"], row["validator_hotkey"])
        found[*key, "pulled", ""] += row["tasks_pulled"]
        for state, name in _ARCHIVED.items():
            found[*key, "settled", state] += row[name]
    return found
