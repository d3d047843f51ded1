"""All settings of a process as one frozen value, in groups."""

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from trellis_assets.settings.base import GIVEN_VARIABLE, variable_name
from trellis_assets.settings.choices import FILE_NETWORK_PREFIX
from trellis_assets.settings.cost import CostSettings
from trellis_assets.settings.generation import GenerationSettings
from trellis_assets.settings.groups import FIELDS, GROUP_OF, GROUPS, SECRETS
from trellis_assets.settings.loading import read_variables
from trellis_assets.settings.mining import MiningSettings
from trellis_assets.settings.network import NetworkSettings
from trellis_assets.settings.orchestration import OrchestrationSettings
from trellis_assets.settings.retention import RetentionSettings
from trellis_assets.settings.servers import ServersSettings
from trellis_assets.settings.storage import StorageSettings
from trellis_assets.settings.validation import ValidationSettings
from trellis_assets.system.compat import Self

_PASSWORD = re.compile(r"//[^/\s]*@")
_DOTENV = Path(".env")


@dataclass(frozen=True)
class Settings:
    """All settings of the pipeline. The variable `TRELLIS_NETUID` is `settings.network.netuid`."""

    network: NetworkSettings
    storage: StorageSettings
    generation: GenerationSettings
    validation: ValidationSettings
    retention: RetentionSettings
    mining: MiningSettings
    cost: CostSettings
    orchestration: OrchestrationSettings
    servers: ServersSettings

    @classmethod
    def load(cls, *, env_file: Path | None = _DOTENV, **overrides: Any) -> Self:
        """Return the settings of environment and `.env`, with `overrides` that are not None on top.

        Args:
            env_file: read where the environment says nothing; None, or in a process of `mine`: not read.
            overrides: by field name over all groups, such as `min_score=0.5`.

        Raises:
            SettingsError: naming each variable that cannot be used, never a value.
        """
        given = {name: value for name, value in overrides.items() if value is not None}
        return cls._of(read_variables(given, None if os.environ.get(GIVEN_VARIABLE) else env_file))

    @classmethod
    def _of(cls, values: Mapping[str, Any]) -> Self:
        """Return the settings of values that were checked."""
        built: dict[str, Any] = {
            name: group.model_construct(**{field: values[field] for field in group.model_fields})
            for name, group in GROUPS.items()
        }
        return cls(**built)

    def changed(self, **values: object) -> Self:
        """Return these settings with some values replaced, which are not checked."""
        if unknown := sorted(values.keys() - FIELDS.keys()):
            raise TypeError(f"no such setting: {', '.join(unknown)}")
        return self._of(self.values() | values)

    def values(self) -> dict[str, Any]:
        """Return the value of every field, by its name over all groups."""
        return {field: getattr(getattr(self, group), field) for field, group in GROUP_OF.items()}

    @property
    def metagraph_file(self) -> Path | None:
        """Return the JSON metagraph; None where the chain is read."""
        if self.network.is_local:
            return self.storage.subnet_folder / "metagraph.json"
        if self.network.reads_file:
            return Path(self.network.network.removeprefix(FILE_NETWORK_PREFIX)).expanduser().absolute()
        return None

    def environment(self, secrets: Collection[str] = SECRETS) -> dict[str, str]:
        """Return the variables that make a child process load these settings; of secrets only the named.

        The child does not read `.env`. Secrets that are withheld are empty rather than left out, since it may
        inherit them.
        """
        withheld = SECRETS - set(secrets)
        variables = {GIVEN_VARIABLE: "1"} | {variable_name(field): "" for field in withheld}
        for field, value in self.values().items():
            if value is not None and field not in withheld:
                variables[variable_name(field)] = _for_child(value)
        if self.network.network.startswith(FILE_NETWORK_PREFIX):
            variables[variable_name("network")] = f"{FILE_NETWORK_PREFIX}{self.metagraph_file}"
        return variables

    def shown(self) -> dict[str, str]:
        """Return every variable's value for people: no secret, no password in a URL.

        Values are as they can be set again: lists comma separated, nothing for None.
        """
        values = self.values() | {"network": self.network.display_name}
        return {
            variable_name(field): _PASSWORD.sub("//***@", as_text(value)) for field, value in values.items()
        }


def as_text(value: object) -> str:
    """Return the value as it can be set again: lists comma separated, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _for_child(value: object) -> str:
    """Return the value as a variable of a process that may work in another folder, secrets in the clear."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Path):
        return str(value.expanduser().absolute())
    return as_text(value)
