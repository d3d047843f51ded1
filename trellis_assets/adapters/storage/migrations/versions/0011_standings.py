"""Add what validators say of a miner's standing, and which scores were inferred; drop the sum of levels."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_POLL_COLUMNS: tuple[sa.Column[Any], ...] = (
    sa.Column("feedback_at", _TIME, nullable=True, comment="when the last feedback came"),
    sa.Column("validator_average", sa.Double(), nullable=True, comment="its own average of our scores"),
    sa.Column("validator_window", sa.Integer(), nullable=True, comment="accepted in the last four hours"),
    sa.Column("standings", sa.JSON(), nullable=True, comment="[unix seconds, reward] of the last hour"),
    sa.Column("scored_at", _TIME, nullable=True, comment="the last result that it scored was sent then"),
    sa.Column("lock_s", sa.Double(), nullable=True, comment="it scores no sooner after another than this"),
    sa.Column("clock_offset_s", sa.Double(), nullable=True, comment="its clock less ours"),
    sa.Column("clock_margin_s", sa.Double(), nullable=True, comment="the offset may be wrong by so much"),
    sa.Column("clock_at", _TIME, nullable=True, comment="when the offset was measured, by our clock"),
)


def upgrade() -> None:
    inferred: sa.Column[bool] = sa.Column(
        "is_inferred", sa.Boolean(), nullable=True, comment="by later feedback"
    )
    op.add_column("tasks", inferred)
    op.add_column("tasks", sa.Column("submit_after", _TIME, nullable=True, comment="the validator is locked"))
    for column in _POLL_COLUMNS:
        op.add_column("validator_polls", column.copy())
    op.drop_column("archived_tasks", "total_rewards")


def downgrade() -> None:
    zero: sa.Column[float] = sa.Column("total_rewards", sa.Double(), nullable=False, server_default="0")
    op.add_column("archived_tasks", zero)
    for column in _POLL_COLUMNS:
        op.drop_column("validator_polls", column.name)
    op.drop_column("tasks", "submit_after")
    op.drop_column("tasks", "is_inferred")
