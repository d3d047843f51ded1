"""What the steps need from the outside world, as Protocols. Adapters implement them."""

from trellis_assets.ports.candidates import BeliefsRepository, CandidateRepository, DecisionRepository
from trellis_assets.ports.clock import (
    Clock,
)
from trellis_assets.ports.earnings import EarningsRepository
from trellis_assets.ports.endpoints import (
    DurationRepository,
    EndpointRepository,
    SharedDemandRepository,
    SlotRepository,
)
from trellis_assets.ports.files import (
    FileStore,
    MissingFileError,
    SplatCodec,
    StoredFileError,
)
from trellis_assets.ports.generation import (
    BrokenGpuError,
    DeclaresOrientation,
    EndpointFaultError,
    GenerationError,
    Generator,
    PictureRoute,
    PictureSource,
    PromptRefusedError,
    RecordsSettings,
    ServerBackend,
    TellsSettings,
    UnclearFaultError,
    UnsupportedPromptError,
    Watch,
)
from trellis_assets.ports.learning import (
    ONE_RECIPE,
    LearningQueries,
    RecipeSource,
    SettledTaskRepository,
)
from trellis_assets.ports.maintenance import (
    ConsistencyRepository,
    Notifier,
    RetentionRepository,
)
from trellis_assets.ports.monitoring import MonitoringRepository
from trellis_assets.ports.network import (
    CoolingDown,
    HttpExchange,
    MalformedResponse,
    MetagraphError,
    NoTask,
    NotRegistered,
    PollResponse,
    SubmissionAnswer,
    TaskAssigned,
    Unreachable,
    ValidatorNetwork,
)
from trellis_assets.ports.report_reading import (
    EarningQueries,
    ModelCatalogue,
    ReportQueries,
)
from trellis_assets.ports.sessions import SessionRepository, StatisticsRepository
from trellis_assets.ports.store import (
    ClaimLostError,
    Store,
    StoreError,
    StoreGoneError,
    WrongHotkeyError,
)
from trellis_assets.ports.tasks import (
    Arrival,
    ArrivalRepository,
    ClaimRepository,
    LeaseRepository,
    TaskRepository,
)
from trellis_assets.ports.validation import (
    LocalValidator,
    TooCostlyToJudgeError,
    ValidationRepository,
    ValidationUnavailableError,
)
from trellis_assets.ports.validators import PollRepository, ValidatorRepository

__all__ = [
    "ONE_RECIPE",
    "Arrival",
    "ArrivalRepository",
    "BeliefsRepository",
    "BrokenGpuError",
    "CandidateRepository",
    "ClaimLostError",
    "ClaimRepository",
    "Clock",
    "ConsistencyRepository",
    "CoolingDown",
    "DecisionRepository",
    "DeclaresOrientation",
    "DurationRepository",
    "EarningQueries",
    "EarningsRepository",
    "EndpointFaultError",
    "EndpointRepository",
    "FileStore",
    "GenerationError",
    "Generator",
    "HttpExchange",
    "LearningQueries",
    "LeaseRepository",
    "LocalValidator",
    "MalformedResponse",
    "MetagraphError",
    "MissingFileError",
    "ModelCatalogue",
    "MonitoringRepository",
    "NoTask",
    "NotRegistered",
    "Notifier",
    "PictureRoute",
    "PictureSource",
    "PollRepository",
    "PollResponse",
    "PromptRefusedError",
    "RecipeSource",
    "RecordsSettings",
    "ReportQueries",
    "RetentionRepository",
    "ServerBackend",
    "SessionRepository",
    "SettledTaskRepository",
    "SharedDemandRepository",
    "SlotRepository",
    "SplatCodec",
    "StatisticsRepository",
    "Store",
    "StoreError",
    "StoreGoneError",
    "StoredFileError",
    "SubmissionAnswer",
    "TaskAssigned",
    "TaskRepository",
    "TellsSettings",
    "TooCostlyToJudgeError",
    "UnclearFaultError",
    "Unreachable",
    "UnsupportedPromptError",
    "ValidationRepository",
    "ValidationUnavailableError",
    "ValidatorNetwork",
    "ValidatorRepository",
    "Watch",
    "WrongHotkeyError",
]
