"""What the steps need from the outside world, as Protocols. Adapters implement them."""

from trellis_assets.ports.clock import (
    Clock,
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
    ServerBackend,
    UnclearFaultError,
    UnsupportedPromptError,
    Watch,
)
from trellis_assets.ports.maintenance import (
    ConsistencyStore,
    Notifier,
    RetentionStore,
)
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
    Ledger,
    ModelCatalogue,
)
from trellis_assets.ports.store import (
    ClaimLostError,
    EndpointStore,
    PollStore,
    SessionStore,
    StoreError,
    StoreGoneError,
    TaskStore,
    WrongHotkeyError,
)
from trellis_assets.ports.tasks import Arrival, TaskTable
from trellis_assets.ports.validation import (
    LocalValidator,
    TooCostlyToJudgeError,
    ValidationUnavailableError,
)

__all__ = [
    "Arrival",
    "BrokenGpuError",
    "ClaimLostError",
    "Clock",
    "ConsistencyStore",
    "CoolingDown",
    "DeclaresOrientation",
    "EndpointFaultError",
    "EndpointStore",
    "FileStore",
    "GenerationError",
    "Generator",
    "HttpExchange",
    "Ledger",
    "LocalValidator",
    "MalformedResponse",
    "MetagraphError",
    "MissingFileError",
    "ModelCatalogue",
    "NoTask",
    "NotRegistered",
    "Notifier",
    "PictureRoute",
    "PictureSource",
    "PollResponse",
    "PollStore",
    "PromptRefusedError",
    "RetentionStore",
    "ServerBackend",
    "SessionStore",
    "SplatCodec",
    "StoreError",
    "StoreGoneError",
    "StoredFileError",
    "SubmissionAnswer",
    "TaskAssigned",
    "TaskStore",
    "TaskTable",
    "TooCostlyToJudgeError",
    "UnclearFaultError",
    "Unreachable",
    "UnsupportedPromptError",
    "ValidationUnavailableError",
    "ValidatorNetwork",
    "Watch",
    "WrongHotkeyError",
]
