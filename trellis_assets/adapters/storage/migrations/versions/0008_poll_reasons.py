"""Add why the last poll of a validator failed, and when it was answered."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    reason = sa.Column("last_reason", sa.Text(), nullable=True, comment="why the last poll failed")
    op.add_column("validator_polls", reason)
    op.add_column("validator_polls", sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("validator_polls", "answered_at")
    op.drop_column("validator_polls", "last_reason")
