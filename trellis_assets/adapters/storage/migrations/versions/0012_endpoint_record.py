"""Add what tells a prompt's fault from an endpoint's: what failed there, and whether it makes models."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("generation_slots", sa.Column("failed_prompts", sa.JSON(), nullable=True))
    op.add_column(
        "generation_slots",
        sa.Column("is_proven", sa.Boolean(), nullable=False, server_default=sa.false()),
    )


def downgrade() -> None:
    op.drop_column("generation_slots", "is_proven")
    op.drop_column("generation_slots", "failed_prompts")
