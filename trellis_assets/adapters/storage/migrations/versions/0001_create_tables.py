"""The first schema: tasks, validators, polls, prompts, slots, sessions, snapshots.

A migration must work with the previous release too: it may be running while this one is applied.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "generation_slots",
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("task_key", sa.Integer(), nullable=True),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("endpoint", name=op.f("pk_generation_slots")),
    )
    op.create_table(
        "recent_prompts",
        sa.Column("task_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("miner_hotkey", sa.String(length=64), nullable=False),
        sa.Column("validator_hotkey", sa.String(length=64), nullable=False),
        sa.Column("prompt_sha256", sa.String(length=64), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("task_key", name=op.f("pk_recent_prompts")),
    )
    with op.batch_alter_table("recent_prompts", schema=None) as batch_op:
        batch_op.create_index(
            "ix_recent_prompts_lookup", ["miner_hotkey", "validator_hotkey", "prompt_sha256"], unique=False
        )
        batch_op.create_index("ix_recent_prompts_seen_at", ["seen_at"], unique=False)

    op.create_table(
        "sessions",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("draining_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("flags", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
    )
    op.create_table(
        "statistics_snapshots",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=True),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statistics_snapshots")),
    )
    with op.batch_alter_table("statistics_snapshots", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_statistics_snapshots_taken_at"), ["taken_at"], unique=False)

    op.create_table(
        "tasks",
        sa.Column("key", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("task_id", sa.String(length=200), nullable=False),
        sa.Column("miner_hotkey", sa.String(length=64), nullable=False),
        sa.Column("validator_uid", sa.Integer(), nullable=True),
        sa.Column("validator_hotkey", sa.String(length=64), nullable=True),
        sa.Column("validator_stake", sa.Double(), nullable=True),
        sa.Column("kind", sa.String(length=200), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("prompt_sha256", sa.String(length=64), nullable=False),
        sa.Column("validation_threshold", sa.Double(), nullable=False),
        sa.Column("throttle_s", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(length=200), nullable=True),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pulled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("generation_started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("generated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("validation_started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("validated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("generation_s", sa.Double(), nullable=True),
        sa.Column("validation_s", sa.Double(), nullable=True),
        sa.Column("submission_s", sa.Double(), nullable=True),
        sa.Column("generator", sa.String(length=200), nullable=True),
        sa.Column("seed", sa.Integer(), nullable=True),
        sa.Column("splat_count", sa.Integer(), nullable=True),
        sa.Column("reused_from", sa.Integer(), nullable=True),
        sa.Column("spz_path", sa.String(), nullable=True),
        sa.Column("spz_size", sa.Integer(), nullable=True),
        sa.Column("spz_sha256", sa.String(length=64), nullable=True),
        sa.Column("ply_path", sa.String(), nullable=True),
        sa.Column("ply_size", sa.Integer(), nullable=True),
        sa.Column("ply_sha256", sa.String(length=64), nullable=True),
        sa.Column("local_validator", sa.String(length=200), nullable=True),
        sa.Column("local_score", sa.Double(), nullable=True),
        sa.Column("local_parts", sa.JSON(), nullable=True),
        sa.Column("failed_checks", sa.JSON(), nullable=True),
        sa.Column("submission_kind", sa.String(length=200), nullable=True),
        sa.Column("submission_attempt", sa.Integer(), nullable=True),
        sa.Column("submission_outcome", sa.String(length=200), nullable=True),
        sa.Column("submission_message", sa.Text(), nullable=True),
        sa.Column("feedback_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("validation_failed", sa.Boolean(), nullable=True),
        sa.Column("task_fidelity_score", sa.Double(), nullable=True),
        sa.Column("average_fidelity_score", sa.Double(), nullable=True),
        sa.Column("generations_within_the_window", sa.Integer(), nullable=True),
        sa.Column("current_duel_rating", sa.Double(), nullable=True),
        sa.Column("current_miner_reward", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_tasks")),
        sa.UniqueConstraint(
            "miner_hotkey",
            "validator_hotkey",
            "task_id",
            name=op.f("uq_tasks_miner_hotkey_validator_hotkey_task_id"),
        ),
    )
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.create_index("ix_tasks_pulled_at", ["pulled_at"], unique=False)
        batch_op.create_index("ix_tasks_session_state", ["session_id", "state"], unique=False)
        batch_op.create_index(
            "ix_tasks_unfinished",
            ["state"],
            unique=False,
            sqlite_where=sa.text("finished_at IS NULL"),
            postgresql_where=sa.text("finished_at IS NULL"),
        )

    op.create_table(
        "validator_polls",
        sa.Column("miner_hotkey", sa.String(length=64), nullable=False),
        sa.Column("hotkey", sa.String(length=64), nullable=False),
        sa.Column("next_poll_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cooldown_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cooldown_violations", sa.Integer(), nullable=False),
        sa.Column("last_outcome", sa.String(length=200), nullable=True),
        sa.Column("last_task_received", sa.DateTime(timezone=True), nullable=True),
        sa.Column("total_pulls", sa.Integer(), nullable=False),
        sa.Column("total_tasks_received", sa.Integer(), nullable=False),
        sa.Column("total_tasks_submitted", sa.Integer(), nullable=False),
        sa.Column("total_successful_submissions", sa.Integer(), nullable=False),
        sa.Column("total_handed_back", sa.Integer(), nullable=False),
        sa.Column("average_score", sa.Double(), nullable=True),
        sa.Column("last_reward", sa.Double(), nullable=True),
        sa.Column("last_duel_rating", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("miner_hotkey", "hotkey", name=op.f("pk_validator_polls")),
    )
    op.create_table(
        "validators",
        sa.Column("hotkey", sa.String(length=64), nullable=False),
        sa.Column("uid", sa.Integer(), nullable=False),
        sa.Column("ip", sa.String(length=200), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("stake", sa.Double(), nullable=False),
        sa.Column("trust", sa.Double(), nullable=False),
        sa.Column("consensus", sa.Double(), nullable=False),
        sa.Column("validator_permit", sa.Boolean(), nullable=False),
        sa.Column("is_listed", sa.Boolean(), nullable=False, comment="in the last metagraph"),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("hotkey", name=op.f("pk_validators")),
    )


def downgrade() -> None:
    op.drop_table("validators")
    op.drop_table("validator_polls")
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_tasks_unfinished",
            sqlite_where=sa.text("finished_at IS NULL"),
            postgresql_where=sa.text("finished_at IS NULL"),
        )
        batch_op.drop_index("ix_tasks_session_state")
        batch_op.drop_index("ix_tasks_pulled_at")

    op.drop_table("tasks")
    with op.batch_alter_table("statistics_snapshots", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_statistics_snapshots_taken_at"))

    op.drop_table("statistics_snapshots")
    op.drop_table("sessions")
    with op.batch_alter_table("recent_prompts", schema=None) as batch_op:
        batch_op.drop_index("ix_recent_prompts_seen_at")
        batch_op.drop_index("ix_recent_prompts_lookup")

    op.drop_table("recent_prompts")
    op.drop_table("generation_slots")
