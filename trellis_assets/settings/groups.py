"""All groups of settings, and every field of theirs by name."""

from collections.abc import Mapping

from pydantic.fields import FieldInfo

from trellis_assets.settings.base import SettingsGroup, is_secret
from trellis_assets.settings.cost import CostSettings
from trellis_assets.settings.generation import GenerationSettings
from trellis_assets.settings.mining import MiningSettings
from trellis_assets.settings.network import NetworkSettings
from trellis_assets.settings.orchestration import OrchestrationSettings
from trellis_assets.settings.retention import RetentionSettings
from trellis_assets.settings.servers import ServersSettings
from trellis_assets.settings.storage import StorageSettings
from trellis_assets.settings.validation import ValidationSettings

# By the attribute of `Settings`, in the order of the docs.
GROUPS: Mapping[str, type[SettingsGroup]] = {
    "network": NetworkSettings,
    "storage": StorageSettings,
    "generation": GenerationSettings,
    "validation": ValidationSettings,
    "retention": RetentionSettings,
    "mining": MiningSettings,
    "cost": CostSettings,
    "orchestration": OrchestrationSettings,
    "servers": ServersSettings,
}
# Which group each field is in. A test checks that no two groups have a field of the same name.
GROUP_OF: Mapping[str, str] = {field: name for name, group in GROUPS.items() for field in group.model_fields}
FIELDS: Mapping[str, FieldInfo] = {
    field: GROUPS[name].model_fields[field] for field, name in GROUP_OF.items()
}
# Fields that are shown nowhere.
SECRETS = frozenset(field for field, info in FIELDS.items() if is_secret(info))
