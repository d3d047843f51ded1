"""The subnet: neurons, our own one, and how each validator is polled."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from trellis_assets.adapters.storage.column_types import Hotkey, ShortText, Words
from trellis_assets.adapters.storage.models.base import Base


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
