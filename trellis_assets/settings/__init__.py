"""Environment, `.env` and flags become one frozen Settings value, in groups.

Every field is the variable `TRELLIS_<FIELD>`; flags of the command line override it. Against the
local subnet, waiting times default to seconds; against a real network to the subnet's own rules.
"""

from trellis_assets.settings.choices import (
    FILE_NETWORK_PREFIX,
    LOCAL_NETWORK,
    DuplicatePolicy,
    GeneratorBackend,
    RunLauncherName,
    ValidatorBackend,
)
from trellis_assets.settings.errors import SettingsError
from trellis_assets.settings.field_types import DAGSTER_DRIVER
from trellis_assets.settings.groups import FIELDS, SECRETS
from trellis_assets.settings.settings import Settings

__all__ = [
    "DAGSTER_DRIVER",
    "FIELDS",
    "FILE_NETWORK_PREFIX",
    "LOCAL_NETWORK",
    "SECRETS",
    "DuplicatePolicy",
    "GeneratorBackend",
    "RunLauncherName",
    "Settings",
    "SettingsError",
    "ValidatorBackend",
]
