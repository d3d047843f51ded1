"""Errors whose text tells a person what to do: shown as they are, without a traceback."""

from trellis_assets.adapters.bittensor.keys import WalletError
from trellis_assets.adapters.inspection import InspectionError
from trellis_assets.adapters.validation.calibration import CalibrationError
from trellis_assets.mining.processes import ChildError
from trellis_assets.mining.session import MiningError
from trellis_assets.modes import FolderError
from trellis_assets.ports import MetagraphError, StoreError
from trellis_assets.servers.guards import ExposureError
from trellis_assets.settings import SettingsError

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
    WalletError,
)
