"""Add what judging an endpoint's first models each way up showed."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("generation_slots", sa.Column("orientation_gains", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("generation_slots", "orientation_gains")
