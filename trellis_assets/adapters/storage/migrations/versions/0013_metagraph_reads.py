"""Add how reads of the list of validators went: all processes of a miner share one back-off."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "metagraph_reads",
        sa.Column("source", sa.String(200), nullable=False, comment="network and subnet"),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True, comment="last success"),
        sa.Column("failures", sa.Integer(), nullable=False, comment="in a row"),
        sa.Column("next_read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True, comment="of the last failure"),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_metagraph_reads")),
    )


def downgrade() -> None:
    op.drop_table("metagraph_reads")
