"""Which subnet is mined, with which key, and how its validators are polled."""

import ipaddress
import shlex
from datetime import timedelta
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from trellis_assets.domain.backoff import BackoffPolicy
from trellis_assets.domain.metagraph_reads import CHAIN_BACKOFF, FILE_BACKOFF
from trellis_assets.domain.scheduling.poll_spacing import PollSpacing, poll_backoff
from trellis_assets.domain.validators import EligibilityPolicy
from trellis_assets.settings.base import SettingsGroup
from trellis_assets.settings.choices import CHAIN_ENDPOINTS, FILE_NETWORK_PREFIX, LOCAL_NETWORK
from trellis_assets.settings.field_types import Network, Seconds, UserPath
from trellis_assets.settings.network_name import origin_of

DEFAULT_WALLETS = Path("~/.bittensor/wallets")


class NetworkSettings(SettingsGroup):
    """Which subnet is mined, with which key, and how its validators are polled."""

    title: ClassVar[str] = "Network"

    network: Network = Field(
        LOCAL_NETWORK,
        description="local (development validators), file:PATH (metagraph as JSON), finney, test, archive, "
        "latent-lite, or a chain endpoint ws://… or wss://….",
    )
    netuid: int = Field(17, ge=0, le=65535, description="Subnet number on the chain.")
    wallet_name: str = Field("default", description="Bittensor wallet (coldkey) name.")
    wallet_hotkey: str = Field("default", description="Name of the hotkey in the wallet.")
    wallet_path: UserPath = Field(DEFAULT_WALLETS, description="Folder of the wallets.")
    dev_hotkey_uri: SecretStr = Field(
        SecretStr("//TrellisAssetsMiner"),
        description="Key URI that signs on the local subnet, where no wallet is needed.",
    )
    miner_hotkey: str | None = Field(
        None, description="Our address, for processes without the key (set by `mine`)."
    )
    pull_interval_s: Seconds | None = Field(
        None, description="Seconds between two polls of one validator; default: 45, local subnet 3."
    )
    error_backoff_s: Seconds | None = Field(
        None,
        description="Longest back-off of a validator that fails again and again, in seconds; default: 600, "
        "local subnet 10.",
    )
    pull_timeout_s: float = Field(
        12, gt=0, le=50, description="Longest wait for the response to a pull, in seconds."
    )
    submit_timeout_s: Seconds = Field(
        300, description="Longest wait for the response to a submission, in seconds."
    )
    min_stake: float = Field(
        1000,
        ge=0,
        description="Least stake weight of a validator that is polled: alpha plus a share of TAO, as the "
        "chain weighs them (metagraph.S), not TAO.",
    )
    require_permit: bool = Field(True, description="Poll only neurons with a validator permit.")
    subnet_validators: int = Field(3, ge=1, le=64, description="Validators of the local subnet.")
    subnet_prompts_file: UserPath | None = Field(
        None, description="Prompts the local subnet's validators ask for, one per line."
    )

    @property
    def is_local(self) -> bool:
        """Return whether the validators are the local subnet's."""
        return self.network == LOCAL_NETWORK

    @property
    def reads_file(self) -> bool:
        """Return whether the metagraph is a JSON file; else the chain is read."""
        return self.is_local or self.network.startswith(FILE_NETWORK_PREFIX)

    @property
    def display_name(self) -> str:
        """Return the network for messages and records: an endpoint without its path and password.

        Example: `wss://entry.example/SECRETKEY` is shown as `wss://entry.example`.
        """
        return origin_of(self.network) if "://" in self.network else self.network

    @property
    def chain_endpoint(self) -> str | None:
        """Return the websocket URL of the chain (may hold an access key); None where a file is read."""
        return None if self.reads_file else CHAIN_ENDPOINTS.get(self.network, self.network)

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
        """Return where the list of validators comes from: lists of two networks must not be mixed.

        Example: `finney/17` for a chain, `local` or `file:PATH` for a file.
        """
        return self.display_name if self.reads_file else f"{self.display_name}/{self.netuid}"

    @property
    def registration_command(self) -> str:
        """Return the command that registers the hotkey on the subnet."""
        chain = self.network if self.network in CHAIN_ENDPOINTS else self.display_name
        wallet = f"--wallet-name {shlex.quote(self.wallet_name)} --hotkey {shlex.quote(self.wallet_hotkey)}"
        if self.wallet_path != DEFAULT_WALLETS:
            wallet += f" --wallet-path {shlex.quote(str(self.wallet_path))}"
        return f"btcli subnets register --netuid {self.netuid} --network {chain} {wallet}"

    @property
    def pull_interval(self) -> float:
        """Return the seconds between two polls of one validator."""
        return self.pull_interval_s or (3.0 if self.is_local else 45.0)

    @property
    def error_backoff(self) -> float:
        """Return the longest back-off of a validator that fails again and again, in seconds."""
        return self.error_backoff_s or (10.0 if self.is_local else 600.0)

    def poll_spacing(self) -> PollSpacing:
        """Return how far apart the polls of one validator are."""
        longest = timedelta(seconds=self.error_backoff)
        return PollSpacing(timedelta(seconds=self.pull_interval), poll_backoff(longest))

    def eligibility_policy(self) -> EligibilityPolicy:
        """Return which neurons are polled."""
        return EligibilityPolicy(self.min_stake, self.require_permit)

    def metagraph_backoff(self) -> BackoffPolicy:
        """Return the pauses between reads of the metagraph that fail."""
        return FILE_BACKOFF if self.reads_file else CHAIN_BACKOFF

    def metagraph_age(self) -> timedelta:
        """Return after what time the metagraph is read again: a chain costs a call, a file is cheap."""
        return timedelta(seconds=5) if self.reads_file else timedelta(hours=1)
