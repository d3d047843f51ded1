"""Add when a task's run was ready to generate: what comes before is what pulls must run ahead by."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    meaning = "a run took it up, and waits for an endpoint"
    column = sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True, comment=meaning)
    op.add_column("tasks", column)


def downgrade() -> None:
    op.drop_column("tasks", "ready_at")
