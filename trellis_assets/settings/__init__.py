"""Environment, `.env` and flags become one frozen Settings value.

Every field is the variable `TRELLIS_<FIELD>`; flags of the command line override it. Against the
local subnet, waiting times default to seconds; against a real network to the subnet's own rules.
"""

from trellis_assets.settings.choices import (
    FILE_NETWORK_PREFIX,
    LOCAL_NETWORK,
    DuplicatePolicy,
    GeneratorBackend,
    RunLauncherName,
    ServerBackendName,
    ValidatorBackend,
)
from trellis_assets.settings.settings import SECRETS, Settings, SettingsError
from trellis_assets.settings.values import DAGSTER_DRIVER

__all__ = [
    "DAGSTER_DRIVER",
    "FILE_NETWORK_PREFIX",
    "LOCAL_NETWORK",
    "SECRETS",
    "DuplicatePolicy",
    "GeneratorBackend",
    "RunLauncherName",
    "ServerBackendName",
    "Settings",
    "SettingsError",
    "ValidatorBackend",
]
