"""Add how many polls of a validator failed in a row: its back-off grows with them."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "validator_polls",
        sa.Column(
            "failures_in_a_row",
            sa.Integer(),
            nullable=False,
            server_default="0",
            comment="polls that failed since one did not",
        ),
    )


def downgrade() -> None:
    op.drop_column("validator_polls", "failures_in_a_row")
