"""A history of local verdicts, and indexes for the hours that models were made and answered in."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "validations",
        sa.Column("key", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("task_key", sa.Integer(), nullable=False),
        sa.Column("spz_sha256", sa.String(length=64), nullable=False),
        sa.Column("validator", sa.String(length=200), nullable=False),
        sa.Column("is_idle", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("parts", sa.JSON(), nullable=False),
        sa.Column("failed_checks", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_validations")),
        sa.UniqueConstraint(
            "task_key", "spz_sha256", "validator", name=op.f("uq_validations_task_key_spz_sha256_validator")
        ),
    )
    op.create_index("ix_validations_started_at", "validations", ["started_at"])
    unjudged = sa.text("local_score IS NULL AND spz_path IS NOT NULL")
    op.create_index(
        "ix_tasks_unjudged", "tasks", ["generated_at"], sqlite_where=unjudged, postgresql_where=unjudged
    )
    op.create_index("ix_tasks_finished_at", "tasks", ["finished_at"])


def downgrade() -> None:
    op.drop_index("ix_tasks_finished_at", "tasks")
    op.drop_index("ix_tasks_unjudged", "tasks")
    op.drop_index("ix_validations_started_at", "validations")
    op.drop_table("validations")
