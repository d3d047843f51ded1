"""Add the pictures that a model was made from, and what TRELLIS was given of them."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_PICTURES = ("picture", "cut")


def upgrade() -> None:
    for name in _PICTURES:
        op.add_column("tasks", sa.Column(f"{name}_path", sa.String(), nullable=True))
        op.add_column("tasks", sa.Column(f"{name}_size", sa.Integer(), nullable=True))
        op.add_column("tasks", sa.Column(f"{name}_sha256", sa.String(length=64), nullable=True))


def downgrade() -> None:
    for name in _PICTURES:
        for column in ("path", "size", "sha256"):
            op.drop_column("tasks", f"{name}_{column}")
