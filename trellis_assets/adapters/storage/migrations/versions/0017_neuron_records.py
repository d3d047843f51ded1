"""Add what the chain says of our own neuron, an hour each: what mining earns."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "neuron_records",
        sa.Column("source", sa.String(200), nullable=False, comment="network and subnet"),
        sa.Column("miner_hotkey", sa.String(64), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False, comment="its start"),
        sa.Column("first_read_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("uid", sa.Integer(), nullable=False),
        sa.Column("incentive", sa.Double(), nullable=False, comment="share of all miners' emission, 0 to 1"),
        sa.Column("emission_alpha", sa.Double(), nullable=False, comment="alpha that the last epoch paid"),
        sa.Column("tempo_blocks", sa.Integer(), nullable=False),
        sa.Column("price_tao", sa.Double(), nullable=True, comment="TAO for one alpha"),
        sa.Column("alpha_stake", sa.Double(), nullable=False),
        sa.Column("stake_weight", sa.Double(), nullable=False),
        sa.Column("pruning_score", sa.Double(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=True, comment="by incentive, 1 is the largest"),
        sa.Column("miners", sa.Integer(), nullable=False, comment="with an incentive"),
        sa.Column("registered_at_block", sa.Integer(), nullable=False),
        sa.Column("immune_blocks", sa.Integer(), nullable=False, comment="left"),
        sa.Column("pruning_position", sa.Integer(), nullable=True, comment="1 is removed next"),
        sa.Column("neurons", sa.Integer(), nullable=False),
        sa.Column("places", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("source", "miner_hotkey", "hour", name=op.f("pk_neuron_records")),
    )


def downgrade() -> None:
    op.drop_table("neuron_records")
