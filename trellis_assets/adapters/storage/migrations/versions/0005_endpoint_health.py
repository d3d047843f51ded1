"""What each generation endpoint does well or badly, and which one made a task's model."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None

MOMENTS = ("open_until", "last_used_at", "last_failed_at", "last_succeeded_at")
COUNTS = ("failures_in_a_row", "openings", "generations", "failures")


def upgrade() -> None:
    op.add_column("tasks", sa.Column("endpoint", sa.String(), nullable=True))
    for name in COUNTS:
        column = sa.Column(name, sa.Integer(), nullable=False, server_default="0")
        op.add_column("generation_slots", column)
    for name in MOMENTS:
        op.add_column("generation_slots", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "generation_slots", sa.Column("is_away", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column(
        "generation_slots", sa.Column("generation_s", sa.Double(), nullable=False, server_default="0")
    )
    op.add_column("generation_slots", sa.Column("recent_s", sa.JSON(), nullable=True))
    op.add_column("generation_slots", sa.Column("last_error", sa.Text(), nullable=True))


def downgrade() -> None:
    for name in (*COUNTS, *MOMENTS, "is_away", "generation_s", "recent_s", "last_error"):
        op.drop_column("generation_slots", name)
    op.drop_column("tasks", "endpoint")
