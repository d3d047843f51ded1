"""Files that were deleted on purpose, and the sums of tasks whose rows are gone."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

UNJUDGED_BEFORE = "local_score IS NULL AND spz_path IS NOT NULL"
STORED = "spz_path IS NOT NULL AND model_deleted_at IS NULL"


def upgrade() -> None:
    op.add_column("tasks", sa.Column("model_deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_index("ix_tasks_unjudged", "tasks")
    unjudged = sa.text(f"local_score IS NULL AND {STORED}")
    op.create_index(
        "ix_tasks_unjudged", "tasks", ["generated_at"], sqlite_where=unjudged, postgresql_where=unjudged
    )
    stored = sa.text(STORED)
    op.create_index("ix_tasks_stored", "tasks", ["spz_path"], sqlite_where=stored, postgresql_where=stored)
    counts = (
        "tasks_pulled",
        "tasks_processed",
        "successful_generations",
        "successful_validations",
        "successful_submissions",
        "rejected_submissions",
        "unknown_submissions",
        "handed_back",
        "failed",
        "kept",
        "in_flight",
        "duplicates",
        "reused_results",
        "idle_validations",
    )
    sums = (
        "total_generation_time",
        "total_validation_time",
        "total_submission_time",
        "total_fidelity",
        "total_rewards",
    )
    op.create_table(
        "archived_tasks",
        sa.Column("session_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("miner_hotkey", sa.String(length=64), nullable=False),
        sa.Column("validator_hotkey", sa.String(length=64), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in counts),
        *(sa.Column(name, sa.Double(), nullable=False) for name in sums),
        sa.PrimaryKeyConstraint(
            "session_id", "miner_hotkey", "validator_hotkey", name=op.f("pk_archived_tasks")
        ),
    )


def downgrade() -> None:
    op.drop_table("archived_tasks")
    op.drop_index("ix_tasks_stored", "tasks")
    op.drop_index("ix_tasks_unjudged", "tasks")
    unjudged = sa.text(UNJUDGED_BEFORE)
    op.create_index(
        "ix_tasks_unjudged", "tasks", ["generated_at"], sqlite_where=unjudged, postgresql_where=unjudged
    )
    op.drop_column("tasks", "model_deleted_at")
