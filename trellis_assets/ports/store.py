"""The store: everything that the miner must not forget, a repository for each subject."""

from typing import Protocol

from trellis_assets.ports.candidates import BeliefsRepository, CandidateRepository, DecisionRepository
from trellis_assets.ports.earnings import EarningsRepository
from trellis_assets.ports.endpoints import (
    DurationRepository,
    EndpointRepository,
    SharedDemandRepository,
    SlotRepository,
)
from trellis_assets.ports.learning import SettledTaskRepository
from trellis_assets.ports.maintenance import ConsistencyRepository, RetentionRepository
from trellis_assets.ports.sessions import SessionRepository, StatisticsRepository
from trellis_assets.ports.tasks import ArrivalRepository, ClaimRepository, LeaseRepository, TaskRepository
from trellis_assets.ports.validation import ValidationRepository
from trellis_assets.ports.validators import PollRepository, ValidatorRepository


class ClaimLostError(RuntimeError):
    """Another run has taken the task over: whatever this one does with it no longer counts."""


class WrongHotkeyError(RuntimeError):
    """A process was handed the task of another miner: it cannot sign for it."""


class StoreError(RuntimeError):
    """The store cannot be used as it is (another version, unreachable); says what to do."""


class StoreGoneError(StoreError):
    """The store's file was deleted or replaced while it is open: nothing more may be written to it."""


class Store(Protocol):
    """All repositories of one store. Each method of a repository is one transaction."""

    @property
    def validators(self) -> ValidatorRepository:
        """The metagraph as it was last read."""
        ...

    @property
    def polls(self) -> PollRepository:
        """When each validator may be polled."""
        ...

    @property
    def arrivals(self) -> ArrivalRepository:
        """Tasks as they come from validators."""
        ...

    @property
    def claims(self) -> ClaimRepository:
        """Which run works on a task."""
        ...

    @property
    def leases(self) -> LeaseRepository:
        """All leases, for the one who watches them."""
        ...

    @property
    def tasks(self) -> TaskRepository:
        """Tasks and their states."""
        ...

    @property
    def candidates(self) -> CandidateRepository:
        """Models that were made for tasks, submitted or not."""
        ...

    @property
    def decisions(self) -> DecisionRepository:
        """Why candidates were made and submitted."""
        ...

    @property
    def beliefs(self) -> BeliefsRepository:
        """What was learnt."""
        ...

    @property
    def settled(self) -> SettledTaskRepository:
        """What became of tasks, for learning."""
        ...

    @property
    def endpoints(self) -> EndpointRepository:
        """How well generation endpoints do."""
        ...

    @property
    def slots(self) -> SlotRepository:
        """Which task an endpoint works on."""
        ...

    @property
    def durations(self) -> DurationRepository:
        """How long the newest tasks took."""
        ...

    @property
    def shared_demand(self) -> SharedDemandRepository:
        """What other miners of the same store have coming."""
        ...

    @property
    def validations(self) -> ValidationRepository:
        """Local verdicts on models."""
        ...

    @property
    def sessions(self) -> SessionRepository:
        """Sessions of mining."""
        ...

    @property
    def earnings(self) -> EarningsRepository:
        """What mining earns and costs."""
        ...

    @property
    def statistics(self) -> StatisticsRepository:
        """Counters and snapshots."""
        ...

    @property
    def consistency(self) -> ConsistencyRepository:
        """Rows that contradict what must hold."""
        ...

    @property
    def retention(self) -> RetentionRepository:
        """What is past its time."""
        ...
