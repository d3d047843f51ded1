"""Environment, `.env` and flags as one frozen value."""

import ipaddress
import re
import shlex
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationError

from trellis_assets.domain.endpoints.orientation import Orientation
from trellis_assets.settings.choices import (
    AUTO_ORIENTATION,
    CHAIN_ENDPOINTS,
    FILE_NETWORK_PREFIX,
    LOCAL_NETWORK,
)
from trellis_assets.settings.fields import Fields
from trellis_assets.settings.values import as_json
from trellis_assets.system.compat import Self

_PASSWORD = re.compile(r"//[^/\s]*@")
# Names of the fields that are shown nowhere.
SECRETS = frozenset(
    name for name, field in Fields.model_fields.items() if field.annotation in {SecretStr, SecretStr | None}
)


class SettingsError(ValueError):
    """A setting cannot be used; the text names the variable and what it wants."""


class Settings(Fields):
    """All settings of the pipeline."""

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Settings from environment and `.env`, with `overrides` that are not None on top.

        Raises:
            SettingsError: naming each variable that cannot be used, never a value.
        """
        try:
            return cls(**{name: value for name, value in overrides.items() if value is not None})
        except ValidationError as error:
            lines = [
                f"TRELLIS_{str(e['loc'][0]).upper() if e['loc'] else ''}: {e['msg']}"
                for e in error.errors(include_input=False, include_url=False)
            ]
            raise SettingsError("settings cannot be used\n  " + "\n  ".join(lines)) from None
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f".env cannot be read ({type(error).__name__}): wants UTF-8 text") from None

    def orientations(self, endpoints: Sequence[str]) -> dict[str, Orientation | None]:
        """Return which way up the models of each endpoint come; None where that is to be found out.

        Raises:
            SettingsError: neither one orientation nor one for each endpoint.
        """
        named = self.generator_orientation
        if len(named) not in {1, len(endpoints)}:
            raise SettingsError(
                f"TRELLIS_GENERATOR_ORIENTATION names {len(named)} orientations for {len(endpoints)} "
                "servers: name one for all, or one for each in the order of TRELLIS_GENERATOR_URLS"
            )
        each = named * len(endpoints) if len(named) == 1 else named
        return {
            endpoint: None if name == AUTO_ORIENTATION else Orientation(name)
            for endpoint, name in zip(endpoints, each, strict=True)
        }

    @property
    def is_local(self) -> bool:
        """Whether the validators are the local subnet's."""
        return self.network == LOCAL_NETWORK

    @property
    def network_shown(self) -> str:
        """The network for messages and records: of an endpoint no path and no password."""
        return _place_of(self.network) if "://" in self.network else self.network

    @property
    def folder(self) -> Path:
        """The data folder as an absolute path."""
        return self.data_dir.expanduser().absolute()

    @property
    def gallery_address(self) -> str:
        """URL of the gallery, without a slash at its end."""
        return (self.gallery_url or f"http://127.0.0.1:{self.gallery_port}").rstrip("/")

    @property
    def store_url(self) -> str:
        """SQLAlchemy URL of the store (may hold a password: never print it)."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.folder / 'trellis.db'}"

    @property
    def storage_options(self) -> dict[str, Any]:
        """Options of the file storage (may hold keys: never print them)."""
        return dict(as_json(self.files_options.get_secret_value())) if self.files_options else {}

    @property
    def subnet_folder(self) -> Path:
        """State, log and metagraph of the local subnet."""
        return self.folder / "subnet"

    @property
    def calibration_file(self) -> Path:
        """What `trellis-assets calibrate` fitted the embedded validator's score to."""
        return self.folder / "calibration.json"

    @property
    def metagraph_file(self) -> Path | None:
        """The JSON metagraph, None when the chain is asked."""
        if self.is_local:
            return self.subnet_folder / "metagraph.json"
        if self.network.startswith(FILE_NETWORK_PREFIX):
            return Path(self.network.removeprefix(FILE_NETWORK_PREFIX)).expanduser().absolute()
        return None

    @property
    def chain_endpoint(self) -> str | None:
        """Return the websocket URL of the chain (may hold an access key); None where none is asked."""
        if self.metagraph_file is not None:
            return None
        return CHAIN_ENDPOINTS.get(self.network, self.network)

    @property
    def has_own_node(self) -> bool:
        """Return whether the chain's node is on this machine or in its private network."""
        endpoint = self.chain_endpoint
        host = urlsplit(endpoint).hostname if endpoint is not None else None
        if host is None:
            return False
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")
        return address.is_loopback or address.is_private

    @property
    def metagraph_source(self) -> str:
        """Return where the list of validators comes from: lists of other networks must not be mixed."""
        return self.network_shown if self.chain_endpoint is None else f"{self.network_shown}/{self.netuid}"

    @property
    def registration_command(self) -> str:
        """Return the command that registers the hotkey on the subnet."""
        chain = self.network if self.network in CHAIN_ENDPOINTS else self.network_shown
        wallet = f"--wallet-name {shlex.quote(self.wallet_name)} --hotkey {shlex.quote(self.wallet_hotkey)}"
        if self.wallet_path != Path("~/.bittensor/wallets"):
            wallet += f" --wallet-path {shlex.quote(str(self.wallet_path))}"
        return f"btcli subnets register --netuid {self.netuid} --network {chain} {wallet}"

    @property
    def pull_interval(self) -> float:
        """Seconds between two pulls of one validator."""
        return self.pull_interval_s or (3.0 if self.is_local else 45.0)

    @property
    def error_backoff(self) -> float:
        """Seconds of rest after a validator failed."""
        return self.error_backoff_s or (10.0 if self.is_local else 300.0)

    def environment(self, secrets: Collection[str] = SECRETS) -> dict[str, str]:
        """The variables that make a child process load these settings; of secrets only the named.

        Those that are withheld are empty rather than left out: `.env` must not fill them in.
        """
        variables = dict.fromkeys((f"TRELLIS_{name.upper()}" for name in SECRETS - set(secrets)), "")
        for name in type(self).model_fields.keys() - (SECRETS - set(secrets)):
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, SecretStr):
                value = value.get_secret_value()
            elif isinstance(value, tuple):
                value = ",".join(value)
            elif isinstance(value, Path):
                value = str(value.expanduser().absolute())
            variables[f"TRELLIS_{name.upper()}"] = str(value)
        return variables

    def shown(self) -> dict[str, str]:
        """The value of every variable for people: no secret, no password in a URL."""
        fields = {f"TRELLIS_{name.upper()}": getattr(self, name) for name in type(self).model_fields}
        fields["TRELLIS_NETWORK"] = self.network_shown
        return {name: _PASSWORD.sub("//***@", _as_set(value)) for name, value in fields.items()}


def _as_set(value: object) -> str:
    """Return the value as it can be set again: lists comma separated, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _place_of(url: str) -> str:
    """Scheme, host and port: what a URL shows without telling an access key."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return f"{url.partition('://')[0]}://…"
    return f"{parts.scheme}://{parts.hostname or ''}" + (f":{port}" if port is not None else "")
