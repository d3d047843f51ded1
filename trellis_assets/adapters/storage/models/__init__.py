"""The tables of the store, a module for each subject. Importing them registers them with `Base`."""

from trellis_assets.adapters.storage.models.base import Base
from trellis_assets.adapters.storage.models.candidates import BeliefsRow, CandidateRow, DecisionRow
from trellis_assets.adapters.storage.models.endpoints import SlotRow
from trellis_assets.adapters.storage.models.statistics import (
    ArchivedTasksRow,
    EventCountRow,
    SessionRow,
    SnapshotRow,
)
from trellis_assets.adapters.storage.models.tasks import RecentPromptRow, TaskRow, ValidationRow
from trellis_assets.adapters.storage.models.validators import (
    MetagraphReadRow,
    NeuronRecordRow,
    PollRow,
    ValidatorRow,
)

__all__ = [
    "ArchivedTasksRow",
    "Base",
    "BeliefsRow",
    "CandidateRow",
    "DecisionRow",
    "EventCountRow",
    "MetagraphReadRow",
    "NeuronRecordRow",
    "PollRow",
    "RecentPromptRow",
    "SessionRow",
    "SlotRow",
    "SnapshotRow",
    "TaskRow",
    "ValidationRow",
    "ValidatorRow",
]
