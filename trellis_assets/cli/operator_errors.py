"""Errors whose text tells an operator what to do: printed as they are, without a traceback."""

from trellis_assets.adapters.bittensor.wallet import WalletError
from trellis_assets.adapters.inspection import InspectionError
from trellis_assets.adapters.validation.calibration import CalibrationError
from trellis_assets.ports import MetagraphError, StoreError
from trellis_assets.servers.middleware import ExposureError
from trellis_assets.settings import SettingsError
from trellis_assets.steps.compare_recipes import UnknownRecipeError
from trellis_assets.supervisor.errors import ChildError, MiningError
from trellis_assets.system.file_permissions import FolderError

OPERATOR_ERRORS: tuple[type[Exception], ...] = (
    CalibrationError,
    ChildError,
    ExposureError,
    FolderError,
    InspectionError,
    MetagraphError,
    MiningError,
    SettingsError,
    StoreError,
    UnknownRecipeError,
    WalletError,
)
