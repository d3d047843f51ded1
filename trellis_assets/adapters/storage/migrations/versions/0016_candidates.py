"""Add candidates and decisions: a task may have several models, and it is kept why one was submitted."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

STORED = sa.text("spz_path IS NOT NULL AND files_deleted_at IS NULL")


def upgrade() -> None:
    files = [
        sa.Column(f"{kind}_{part}", type_, nullable=True)
        for kind in ("spz", "ply", "picture", "cut")
        for part, type_ in (("path", sa.String()), ("size", sa.Integer()), ("sha256", sa.String(64)))
    ]
    op.create_table(
        "candidates",
        sa.Column("key", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("task_key", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("is_idle", sa.Boolean(), nullable=False),
        sa.Column("recipe", sa.String(200), nullable=False),
        sa.Column("recipe_version", sa.String(200), nullable=False),
        sa.Column("generator", sa.String(200), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=True),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=False, comment="seconds of the endpoint"),
        sa.Column("splat_count", sa.Integer(), nullable=False),
        *files,
        sa.Column("local_validator", sa.String(200), nullable=True),
        sa.Column("local_score", sa.Double(), nullable=True),
        sa.Column("local_parts", sa.JSON(), nullable=True),
        sa.Column("failed_checks", sa.JSON(), nullable=True),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("validation_s", sa.Double(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True, comment="why it cannot be submitted"),
        sa.Column("is_chosen", sa.Boolean(), nullable=False, comment="its model is the task's"),
        sa.Column("files_deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_candidates")),
        sa.UniqueConstraint(
            "task_key", "number", "is_idle", name=op.f("uq_candidates_task_key_number_is_idle")
        ),
    )
    op.create_index(
        "ix_candidates_stored", "candidates", ["spz_path"], sqlite_where=STORED, postgresql_where=STORED
    )
    op.create_table(
        "decisions",
        sa.Column("key", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("task_key", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("policy", sa.String(200), nullable=False, comment="in force"),
        sa.Column("fallback", sa.Text(), nullable=True, comment="why it is not the one of the settings"),
        sa.Column("move", sa.String(200), nullable=False),
        sa.Column("recipe", sa.String(200), nullable=True),
        sa.Column("candidate", sa.Integer(), nullable=True, comment="that is made, or submitted"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False, comment="the numbers that were seen"),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_decisions")),
        sa.UniqueConstraint("task_key", "number", name=op.f("uq_decisions_task_key_number")),
    )
    op.create_table(
        "beliefs",
        sa.Column("key", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("learnt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("newest_task", sa.Integer(), nullable=False, comment="that they rest on"),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_beliefs")),
    )


def downgrade() -> None:
    op.drop_table("beliefs")
    op.drop_table("decisions")
    op.drop_table("candidates")
