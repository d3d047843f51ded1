"""The tables. A task is one wide row: its whole life, from pull to feedback."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, MetaData, Text, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from trellis_assets.adapters.storage.column_types import TYPE_MAP, Hotkey, Sha256, ShortText, Words

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
# States in which a task waits for somebody: the partial index over them stays small for ever.
UNFINISHED = "finished_at IS NULL"
# Models whose files were not deleted on purpose; of them, what idle validation looks for.
STORED = "spz_path IS NOT NULL AND model_deleted_at IS NULL"
UNJUDGED = f"local_score IS NULL AND {STORED}"
# Candidates whose files are there.
STORED_CANDIDATES = "spz_path IS NOT NULL AND files_deleted_at IS NULL"


class Base(DeclarativeBase):
    """All tables of the store."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = TYPE_MAP


class TaskRow(Base):
    """A task and everything that became of it. Durations in seconds, times in UTC."""

    __tablename__ = "tasks"
    __table_args__ = (
        UniqueConstraint("miner_hotkey", "validator_hotkey", "task_id"),
        Index(
            "ix_tasks_unfinished", "state", sqlite_where=text(UNFINISHED), postgresql_where=text(UNFINISHED)
        ),
        Index("ix_tasks_session_state", "session_id", "state"),
        Index("ix_tasks_pulled_at", "pulled_at"),
        Index("ix_tasks_finished_at", "finished_at"),
        Index(
            "ix_tasks_unjudged",
            "generated_at",
            sqlite_where=text(UNJUDGED),
            postgresql_where=text(UNJUDGED),
        ),
        Index("ix_tasks_stored", "spz_path", sqlite_where=text(STORED), postgresql_where=text(STORED)),
    )

    key: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    task_id: Mapped[ShortText]
    miner_hotkey: Mapped[Hotkey]
    validator_uid: Mapped[int | None]
    validator_hotkey: Mapped[Hotkey | None]
    validator_stake: Mapped[float | None]
    kind: Mapped[ShortText]
    prompt: Mapped[str] = mapped_column(Text)
    prompt_sha256: Mapped[Sha256]
    validation_threshold: Mapped[float]
    throttle_s: Mapped[int]
    session_id: Mapped[int | None]

    state: Mapped[ShortText]
    reason: Mapped[str | None] = mapped_column(Words)
    attempt: Mapped[int] = mapped_column(default=0)
    run_id: Mapped[ShortText | None]
    claimed_until: Mapped[datetime | None]

    pulled_at: Mapped[datetime]
    requested_at: Mapped[datetime | None]
    ready_at: Mapped[datetime | None] = mapped_column(comment="a run took it up, and waits for an endpoint")
    generation_started_at: Mapped[datetime | None]
    generated_at: Mapped[datetime | None]
    validation_started_at: Mapped[datetime | None]
    validated_at: Mapped[datetime | None]
    submitted_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    generation_s: Mapped[float | None]
    validation_s: Mapped[float | None]
    submission_s: Mapped[float | None]

    generator: Mapped[ShortText | None]
    endpoint: Mapped[str | None]
    seed: Mapped[int | None]
    splat_count: Mapped[int | None]
    reused_from: Mapped[int | None]
    spz_path: Mapped[str | None]
    spz_size: Mapped[int | None]
    spz_sha256: Mapped[Sha256 | None]
    ply_path: Mapped[str | None]
    ply_size: Mapped[int | None]
    ply_sha256: Mapped[Sha256 | None]
    picture_path: Mapped[str | None]
    picture_size: Mapped[int | None]
    picture_sha256: Mapped[Sha256 | None]
    cut_path: Mapped[str | None]
    cut_size: Mapped[int | None]
    cut_sha256: Mapped[Sha256 | None]

    model_deleted_at: Mapped[datetime | None]

    local_validator: Mapped[ShortText | None]
    local_score: Mapped[float | None]
    local_parts: Mapped[dict[str, Any] | None]
    failed_checks: Mapped[list[str] | None]

    submission_kind: Mapped[ShortText | None]
    submission_attempt: Mapped[int | None]
    submission_outcome: Mapped[ShortText | None]
    submission_message: Mapped[str | None] = mapped_column(Words)

    feedback_at: Mapped[datetime | None]
    validation_failed: Mapped[bool | None]
    task_fidelity_score: Mapped[float | None]
    average_fidelity_score: Mapped[float | None]
    generations_within_the_window: Mapped[int | None]
    current_duel_rating: Mapped[float | None]
    current_miner_reward: Mapped[float | None]
    is_inferred: Mapped[bool | None] = mapped_column(comment="by later feedback")
    submit_after: Mapped[datetime | None] = mapped_column(comment="the validator is locked")


class ValidationRow(Base):
    """A local verdict on a task's file: the history behind `tasks.local_score`."""

    __tablename__ = "validations"
    __table_args__ = (UniqueConstraint("task_key", "spz_sha256", "validator"),)

    key: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    task_key: Mapped[int]
    spz_sha256: Mapped[Sha256]
    validator: Mapped[ShortText]
    is_idle: Mapped[bool]
    started_at: Mapped[datetime] = mapped_column(index=True)
    duration_s: Mapped[float]
    score: Mapped[float]
    parts: Mapped[dict[str, Any]]
    failed_checks: Mapped[list[str]]


class CandidateRow(Base):
    """A model that was made for a task, submitted or not; the chosen one's columns are the task's too."""

    __tablename__ = "candidates"
    __table_args__ = (
        UniqueConstraint("task_key", "number", "is_idle"),
        Index(
            "ix_candidates_stored",
            "spz_path",
            sqlite_where=text(STORED_CANDIDATES),
            postgresql_where=text(STORED_CANDIDATES),
        ),
    )

    key: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    task_key: Mapped[int]
    number: Mapped[int]
    is_idle: Mapped[bool]
    recipe: Mapped[ShortText]
    recipe_version: Mapped[ShortText]
    generator: Mapped[ShortText]
    endpoint: Mapped[str | None]
    seed: Mapped[int]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime]
    duration_s: Mapped[float] = mapped_column(comment="seconds of the endpoint")
    splat_count: Mapped[int]
    spz_path: Mapped[str | None]
    spz_size: Mapped[int | None]
    spz_sha256: Mapped[Sha256 | None]
    ply_path: Mapped[str | None]
    ply_size: Mapped[int | None]
    ply_sha256: Mapped[Sha256 | None]
    picture_path: Mapped[str | None]
    picture_size: Mapped[int | None]
    picture_sha256: Mapped[Sha256 | None]
    cut_path: Mapped[str | None]
    cut_size: Mapped[int | None]
    cut_sha256: Mapped[Sha256 | None]
    local_validator: Mapped[ShortText | None]
    local_score: Mapped[float | None]
    local_parts: Mapped[dict[str, Any] | None]
    failed_checks: Mapped[list[str] | None]
    judged_at: Mapped[datetime | None]
    validation_s: Mapped[float | None]
    problem: Mapped[str | None] = mapped_column(Words, comment="why it cannot be submitted")
    is_chosen: Mapped[bool] = mapped_column(comment="its model is the task's")
    files_deleted_at: Mapped[datetime | None]


class DecisionRow(Base):
    """A decision that was taken for a task, with the numbers that it followed from."""

    __tablename__ = "decisions"
    __table_args__ = (UniqueConstraint("task_key", "number"),)

    key: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    task_key: Mapped[int]
    number: Mapped[int]
    at: Mapped[datetime]
    policy: Mapped[ShortText] = mapped_column(comment="in force")
    fallback: Mapped[str | None] = mapped_column(Words, comment="why it is not the one of the settings")
    move: Mapped[ShortText]
    recipe: Mapped[ShortText | None]
    candidate: Mapped[int | None] = mapped_column(comment="that is made, or submitted")
    reason: Mapped[str] = mapped_column(Words)
    figures: Mapped[dict[str, Any]] = mapped_column(comment="the numbers that were seen")


class BeliefsRow(Base):
    """What was learnt, so that a process need not learn it again; the newest row is in force."""

    __tablename__ = "beliefs"

    key: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    learnt_at: Mapped[datetime]
    newest_task: Mapped[int] = mapped_column(comment="that they rest on")
    content: Mapped[dict[str, Any]]


class ValidatorRow(Base):
    """A neuron of the last metagraph."""

    __tablename__ = "validators"

    hotkey: Mapped[Hotkey] = mapped_column(primary_key=True)
    uid: Mapped[int]
    ip: Mapped[ShortText]
    port: Mapped[int]
    stake: Mapped[float]
    trust: Mapped[float]
    consensus: Mapped[float]
    validator_permit: Mapped[bool]
    is_listed: Mapped[bool] = mapped_column(comment="in the last metagraph")
    saved_at: Mapped[datetime]


class MetagraphReadRow(Base):
    """How reads of the list of validators from one source went."""

    __tablename__ = "metagraph_reads"

    source: Mapped[ShortText] = mapped_column(primary_key=True, comment="network and subnet")
    read_at: Mapped[datetime | None] = mapped_column(comment="last success")
    failures: Mapped[int] = mapped_column(comment="in a row")
    next_read_at: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(Words, comment="of the last failure")


class NeuronRecordRow(Base):
    """Our own neuron as the chain had it, by miner and hour: the last read of each hour."""

    __tablename__ = "neuron_records"

    source: Mapped[ShortText] = mapped_column(primary_key=True, comment="network and subnet")
    miner_hotkey: Mapped[Hotkey] = mapped_column(primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True, comment="its start")
    first_read_at: Mapped[datetime]
    read_at: Mapped[datetime]
    block: Mapped[int]
    uid: Mapped[int]
    incentive: Mapped[float] = mapped_column(comment="share of all miners' emission, 0 to 1")
    emission_alpha: Mapped[float] = mapped_column(comment="alpha that the last epoch paid")
    tempo_blocks: Mapped[int]
    price_tao: Mapped[float | None] = mapped_column(comment="TAO for one alpha")
    alpha_stake: Mapped[float]
    stake_weight: Mapped[float]
    pruning_score: Mapped[float]
    rank: Mapped[int | None] = mapped_column(comment="by incentive, 1 is the largest")
    miners: Mapped[int] = mapped_column(comment="with an incentive")
    registered_at_block: Mapped[int]
    immune_blocks: Mapped[int] = mapped_column(comment="left")
    pruning_position: Mapped[int | None] = mapped_column(comment="1 is removed next")
    neurons: Mapped[int]
    places: Mapped[int]


class PollRow(Base):
    """What one miner knows of one validator: when to ask, and how it went so far."""

    __tablename__ = "validator_polls"

    miner_hotkey: Mapped[Hotkey] = mapped_column(primary_key=True)
    hotkey: Mapped[Hotkey] = mapped_column(primary_key=True)
    next_poll_at: Mapped[datetime | None]
    asked_at: Mapped[datetime | None] = mapped_column(
        index=True, comment="a question is under way since then"
    )
    asked_in: Mapped[int | None] = mapped_column(comment="session that asks")
    cooldown_until: Mapped[datetime | None]
    cooldown_violations: Mapped[int] = mapped_column(default=0)
    failures_in_a_row: Mapped[int] = mapped_column(default=0, comment="polls that failed since one did not")
    last_outcome: Mapped[ShortText | None]
    last_reason: Mapped[str | None] = mapped_column(Words, comment="why the last poll failed")
    answered_at: Mapped[datetime | None]
    last_task_received: Mapped[datetime | None]
    total_pulls: Mapped[int] = mapped_column(default=0)
    total_tasks_received: Mapped[int] = mapped_column(default=0)
    total_tasks_submitted: Mapped[int] = mapped_column(default=0)
    total_successful_submissions: Mapped[int] = mapped_column(default=0)
    total_handed_back: Mapped[int] = mapped_column(default=0)
    average_score: Mapped[float | None]
    last_reward: Mapped[float | None]
    last_duel_rating: Mapped[float | None]
    feedback_at: Mapped[datetime | None] = mapped_column(comment="when the last feedback came")
    validator_average: Mapped[float | None] = mapped_column(comment="its own average of our scores")
    validator_window: Mapped[int | None] = mapped_column(comment="accepted in the last four hours")
    standings: Mapped[list[list[float]] | None] = mapped_column(
        comment="[unix seconds, reward] of the last hour"
    )
    scored_at: Mapped[datetime | None] = mapped_column(comment="the last result that it scored was sent then")
    lock_s: Mapped[float | None] = mapped_column(comment="it scores no sooner after another than this")
    clock_offset_s: Mapped[float | None] = mapped_column(comment="its clock less ours")
    clock_margin_s: Mapped[float | None] = mapped_column(comment="the offset may be wrong by so much")
    clock_at: Mapped[datetime | None] = mapped_column(comment="when the offset was measured, by our clock")


class RecentPromptRow(Base):
    """A prompt that a validator asked a miner for, remembered for the duplicate window."""

    __tablename__ = "recent_prompts"
    __table_args__ = (
        Index("ix_recent_prompts_lookup", "miner_hotkey", "validator_hotkey", "prompt_sha256"),
        Index("ix_recent_prompts_seen_at", "seen_at"),
    )

    task_key: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    miner_hotkey: Mapped[Hotkey]
    validator_hotkey: Mapped[Hotkey]
    prompt_sha256: Mapped[Sha256]
    seen_at: Mapped[datetime]


class SlotRow(Base):
    """A generation endpoint: the task that holds it, its breaker, and how it did so far."""

    __tablename__ = "generation_slots"

    endpoint: Mapped[str] = mapped_column(primary_key=True)
    task_key: Mapped[int | None]
    held_until: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]

    failures_in_a_row: Mapped[int] = mapped_column(default=0)
    openings: Mapped[int] = mapped_column(default=0)
    open_until: Mapped[datetime | None]
    is_away: Mapped[bool] = mapped_column(default=False)

    recent_s: Mapped[list[float] | None]
    generations: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    generation_s: Mapped[float] = mapped_column(default=0.0)
    last_error: Mapped[str | None] = mapped_column(Words)
    last_failed_at: Mapped[datetime | None]
    last_succeeded_at: Mapped[datetime | None]
    # Score differences of its first models, each way up.
    orientation_gains: Mapped[dict[str, list[float]] | None]
    failed_prompts: Mapped[list[str] | None]
    is_proven: Mapped[bool] = mapped_column(default=False)


class SessionRow(Base):
    """One start of the miner."""

    __tablename__ = "sessions"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    started_at: Mapped[datetime]
    draining_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    flags: Mapped[dict[str, Any]]


class SnapshotRow(Base):
    """Statistics as they were at a moment."""

    __tablename__ = "statistics_snapshots"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    taken_at: Mapped[datetime] = mapped_column(index=True)
    session_id: Mapped[int | None]
    figures: Mapped[dict[str, Any]]


class EventCountRow(Base):
    """How often something happened since the store was made: a count that never goes back.

    An empty hotkey stands for no validator, or for all of them.
    """

    __tablename__ = "event_counts"

    miner_hotkey: Mapped[Hotkey] = mapped_column(primary_key=True)
    validator_hotkey: Mapped[Hotkey] = mapped_column(primary_key=True)
    event: Mapped[ShortText] = mapped_column(primary_key=True)
    detail: Mapped[ShortText] = mapped_column(primary_key=True, comment="outcome, bucket, or sum")
    total: Mapped[float]


class ArchivedTasksRow(Base):
    """Sums over ended tasks whose rows are gone, in the terms of the statistics.

    A session of 0 stands for none, an empty hotkey for no validator.
    """

    __tablename__ = "archived_tasks"

    session_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    miner_hotkey: Mapped[Hotkey] = mapped_column(primary_key=True)
    validator_hotkey: Mapped[Hotkey] = mapped_column(primary_key=True)
    tasks_pulled: Mapped[int]
    tasks_processed: Mapped[int]
    successful_generations: Mapped[int]
    successful_validations: Mapped[int]
    successful_submissions: Mapped[int]
    rejected_submissions: Mapped[int]
    unknown_submissions: Mapped[int]
    handed_back: Mapped[int]
    failed: Mapped[int]
    kept: Mapped[int]
    in_flight: Mapped[int]
    duplicates: Mapped[int]
    reused_results: Mapped[int]
    idle_validations: Mapped[int]
    total_generation_time: Mapped[float]
    total_validation_time: Mapped[float]
    total_submission_time: Mapped[float]
    total_fidelity: Mapped[float]
