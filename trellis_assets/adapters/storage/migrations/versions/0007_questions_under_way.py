"""Add which validators are being asked: miners that share endpoints do not all pull for the same one."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    since = "a question is under way since then"
    asked_at = sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True, comment=since)
    op.add_column("validator_polls", asked_at)
    op.add_column(
        "validator_polls", sa.Column("asked_in", sa.Integer(), nullable=True, comment="session that asks")
    )
    op.create_index("ix_validator_polls_asked_at", "validator_polls", ["asked_at"])


def downgrade() -> None:
    op.drop_index("ix_validator_polls_asked_at", "validator_polls")
    op.drop_column("validator_polls", "asked_in")
    op.drop_column("validator_polls", "asked_at")
