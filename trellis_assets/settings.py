"""Environment, `.env` and flags become one frozen Settings value.

Every field is the variable `TRELLIS_<FIELD>`; flags of the command line override it. Against the
local subnet, waiting times default to seconds; against a real network to the subnet's own rules.
"""

import json
import re
from collections.abc import Collection
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

# Longer times and larger counts are meant by nobody, and would overflow somewhere.
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Hours = Annotated[float, Field(gt=0, le=24 * 36_500)]
Days = Annotated[float, Field(gt=0, le=36_500)]
Count = Annotated[int, Field(le=10**9)]

LOCAL_NETWORK = "local"
FILE_NETWORK_PREFIX = "file:"
DAGSTER_DRIVER = "postgresql+psycopg2"


class DuplicatePolicy(StrEnum):
    """What happens to a prompt that the same validator asked for within the window."""

    SKIP = "skip"
    REUSE = "reuse"


class GeneratorBackend(StrEnum):
    """Where models come from."""

    EMBEDDED = "embedded"
    HTTP = "http"


class ServerBackendName(StrEnum):
    """What our own generation server makes models with."""

    EMBEDDED = "embedded"
    TRELLIS = "trellis"


class ValidatorBackend(StrEnum):
    """Who judges models locally."""

    EMBEDDED = "embedded"
    HTTP = "http"
    NEURAL = "neural"


class RunLauncherName(StrEnum):
    """Where Dagster's runs execute."""

    WARM = "warm"
    CELERY = "celery"


def _place_of(url: str) -> str:
    """Scheme, host and port: what a URL shows without telling an access key."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return f"{url.partition('://')[0]}://…"
    return f"{parts.scheme}://{parts.hostname or ''}" + (f":{port}" if port is not None else "")


_PASSWORD = re.compile(r"//[^/\s]*@")
_OPTIONAL_SECRETS = (
    *("database_url", "dagster_database_url", "files_options", "celery_broker"),
    *("generator_token", "server_token", "validator_token", "webhook_url"),
)
SECRETS = frozenset({*_OPTIONAL_SECRETS, "dev_hotkey_uri"})


class SettingsError(ValueError):
    """A setting cannot be used; the text names the variable and what it wants."""


class Settings(BaseSettings):
    """All settings of the pipeline."""

    model_config = SettingsConfigDict(
        env_prefix="TRELLIS_",
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        allow_inf_nan=False,
    )

    data_dir: Path = Field(Path("data"), description="Folder of everything the pipeline writes.")
    database_url: SecretStr | None = Field(
        None,
        description="URL of the store, such as postgresql://user:password@host/trellis; "
        "default: SQLite file in the data folder.",
    )
    dagster_database_url: SecretStr | None = Field(
        None,
        description="URL of Dagster's own PostgreSQL database, another than the store's; default: SQLite "
        "files in the data folder.",
    )
    files_url: str | None = Field(
        None,
        description="Where model files are, as fsspec names it, such as s3://bucket/prefix; default: the "
        "data folder.",
    )
    files_options: SecretStr | None = Field(
        None, description="What fsspec wants to know of that storage (keys, endpoint), as JSON object."
    )
    network: str = Field(
        LOCAL_NETWORK,
        description="local (development validators), file:PATH (metagraph as JSON), finney, test, "
        "or a chain endpoint ws://…",
    )
    netuid: int = Field(17, ge=0, le=65535, description="Subnet number on the chain.")
    wallet_name: str = Field("default", description="Bittensor wallet (coldkey) name.")
    wallet_hotkey: str = Field("default", description="Name of the hotkey in the wallet.")
    wallet_path: Path = Field(Path("~/.bittensor/wallets"), description="Folder of the wallets.")
    dev_hotkey_uri: SecretStr = Field(
        SecretStr("//TrellisAssetsMiner"),
        description="Key URI that signs on the local subnet, where no wallet is needed.",
    )

    harvest: bool = Field(True, description="Pull tasks from validators (else: default prompts).")
    validate_models: bool = Field(True, description="Validate models before submitting them.")
    submit: bool = Field(True, description="Submit results to validators.")
    min_score: float = Field(
        0.0, ge=0, le=1, description="Least local score to submit; below it a task is handed back."
    )
    duplicate_policy: DuplicatePolicy = Field(
        DuplicatePolicy.SKIP,
        description="skip: hand duplicates back; reuse: submit the best result.",
    )
    duplicate_window_h: Hours = Field(24, description="Hours in which a prompt counts as seen.")
    prompts_file: Path | None = Field(
        None, description="Prompts for --no-harvest, one per line; default: the shipped list."
    )
    prepare_submission: bool = Field(
        True, description="Centre, scale and trim models for the validators' renderer."
    )
    keep_ply: bool = Field(True, description="Keep the PLY of each model beside the submitted SPZ.")

    keep_ply_days: Days = Field(2, description="PLY files are deleted after so long.")
    keep_models_days: Days = Field(14, description="SPZ files are deleted after so long.")
    keep_best_days: Days = Field(90, description="SPZ files of the best models are kept so long.")
    best_score: float = Field(0.85, ge=0, le=1, description="Models from this score on are the best.")
    models_max_gb: float = Field(
        50, gt=0, le=1e6, description="All model files; what has least time left goes."
    )
    keep_tasks_days: Days = Field(400, description="Rows of ended tasks; their sums stay.")
    keep_statistics_days: Days = Field(30, description="Exported statistics in the store.")
    keep_runs: Count = Field(2000, ge=10, description="Finished Dagster runs of each job that are kept.")

    pull_interval_s: Seconds | None = Field(
        None, description="Between two pulls of one validator; default 45, local subnet 3."
    )
    error_backoff_s: Seconds | None = Field(
        None, description="Rest after a validator failed; default 300, local subnet 10."
    )
    pull_timeout_s: float = Field(12, gt=0, le=50, description="Longest wait for a pull's answer.")
    submit_timeout_s: Seconds = Field(300, description="Longest wait for a submission's answer.")
    min_stake: float = Field(1000, ge=0, description="Least stake (TAO) of a validator to be asked.")
    require_permit: bool = Field(True, description="Ask only neurons with a validator permit.")
    max_waiting_tasks: Count = Field(
        8, ge=1, description="Pull no more while this many tasks wait for or are in generation."
    )

    generator: GeneratorBackend = Field(GeneratorBackend.EMBEDDED, description="Generation backend.")
    generator_urls: Annotated[tuple[str, ...], NoDecode] = Field(
        ("http://127.0.0.1:8096",),
        description="Generation endpoints of the http backend, comma separated; one slot each.",
    )
    generator_token: SecretStr | None = Field(
        None, description="Sent to generation servers; default: the server token."
    )
    server_backend: ServerBackendName = Field(
        ServerBackendName.EMBEDDED, description="What our own generation server makes models with."
    )
    server_token: SecretStr | None = Field(
        None, description="Our servers ask callers for it; needed to bind to other than 127.0.0.1."
    )
    server_queue: int = Field(8, ge=0, le=1000, description="Requests that may wait in our server.")
    server_deadline_s: Seconds = Field(300, description="Longest time our server gives a request.")
    server_idle_unload_s: Seconds = Field(900, description="Our server unloads models idle so long.")
    server_device: str = Field("cuda:0", description="GPU of our server, as torch names it.")
    text_model: str = Field(
        "microsoft/TRELLIS-text-xlarge",
        description="TRELLIS weights for text: folder or hub name; - for none.",
    )
    image_model: str = Field(
        "microsoft/TRELLIS-image-large",
        description="TRELLIS weights for pictures: folder or hub name; - for none.",
    )
    generation_timeout_s: Seconds = Field(300, description="Longest wait for a generation.")
    generation_retries: int = Field(4, ge=0, le=10, description="More tries after a passing failure.")
    validator: ValidatorBackend = Field(ValidatorBackend.EMBEDDED, description="Local validation backend.")
    validator_url: str = Field("http://127.0.0.1:8094", description="404 validation server.")
    validator_token: SecretStr | None = Field(
        None, description="Sent to the validation server; default: the server token."
    )
    weights_dir: Path | None = Field(
        None, description="Weights of the neural validator; default: downloaded from their hubs."
    )
    validation_timeout_s: Seconds = Field(120, description="Longest wait for a validation.")

    first_day: date = Field(
        date(2026, 1, 1),
        description="Where partitions start; `mine` sets it to the day of its first session.",
    )
    session_id: int | None = Field(
        None, ge=1, le=2**31, description="Session that `mine` started (set by it)."
    )
    miner_hotkey: str | None = Field(
        None, description="Our address, for parts without the key (set by `mine`)."
    )
    task_limit: Count | None = Field(None, gt=0, description="Pull no more than this in a session.")
    start_server: bool = Field(False, description="Start a generation server with `mine`.")
    max_concurrent_runs: int = Field(
        16, ge=1, le=256, description="Dagster runs at a time: run workers. Two are always kept ready."
    )
    run_launcher: RunLauncherName = Field(
        RunLauncherName.WARM, description="Where runs execute: warm (here) or celery (`worker` processes)."
    )
    celery_broker: SecretStr | None = Field(
        None, description="URL of the Redis that hands runs to workers, such as redis://:password@host/0."
    )
    celery_queues: Annotated[tuple[str, ...], NoDecode] = Field(
        ("mining",), description="Queues that runs are spread over, comma separated: one per GPU host, say."
    )
    webserver: bool = Field(False, description="Start the Dagster UI and the gallery with `mine`.")
    webserver_port: int = Field(3000, ge=1, le=65535, description="Port of the Dagster UI.")
    gallery_port: int = Field(3001, ge=1, le=65535, description="Port of the gallery.")
    gallery_url: str | None = Field(
        None, description="Where links in the Dagster UI lead; default: the gallery on this machine."
    )
    webhook_url: SecretStr | None = Field(
        None, description="Failed runs are told to this webhook (Slack, Discord, Mattermost)."
    )
    stop_timeout_s: Seconds = Field(
        60, description="How long a stop waits for the work in hand before handing it on."
    )
    subnet_validators: int = Field(3, ge=1, le=64, description="Validators of the local subnet.")
    subnet_prompts_file: Path | None = Field(
        None, description="Prompts the local subnet's validators ask for, one per line."
    )
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")

    @field_validator("generator_urls", "celery_queues", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())
        return value

    @field_validator("celery_queues")
    @classmethod
    def _check_queues(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or any(not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name) for name in value):
            raise ValueError("wants names of letters, digits, _ . and -, comma separated")
        return value

    @field_validator("celery_broker")
    @classmethod
    def _check_broker(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("redis://", "rediss://")):
            raise ValueError("wants redis://:password@host:port/0")
        return value

    @field_validator("generator_urls")
    @classmethod
    def _check_urls(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or any(not url.startswith(("http://", "https://")) for url in value):
            raise ValueError("wants http(s)://host:port, comma separated")
        return value

    @field_validator("dagster_database_url")
    @classmethod
    def _check_dagster_database(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None:
            return None
        scheme, _, rest = value.get_secret_value().partition("://")
        if not rest or scheme not in {"postgres", "postgresql", DAGSTER_DRIVER}:
            raise ValueError("wants postgresql://user:password@host/database")
        store = info.data.get("database_url")
        if store is not None and store.get_secret_value().partition("://")[2] == rest:
            raise ValueError("wants another database than the one TRELLIS_DATABASE_URL names")
        # Dagster's storage works with psycopg 2 alone, which the bare name no longer stands for.
        return SecretStr(f"{DAGSTER_DRIVER}://{rest}")

    @field_validator("files_options")
    @classmethod
    def _check_options(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not isinstance(_json(value.get_secret_value()), dict):
            raise ValueError('wants a JSON object, such as {"key": "…", "secret": "…"}')
        return value

    @field_validator("validator_url", "gallery_url")
    @classmethod
    def _check_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("wants http(s)://host:port")
        return value

    @field_validator(*_OPTIONAL_SECRETS, mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("data_dir", "wallet_path", "prompts_file", "weights_dir", "subnet_prompts_file")
    @classmethod
    def _check_path(cls, value: Path | None) -> Path | None:
        try:
            if value is not None:
                value.expanduser()
        except RuntimeError:
            raise ValueError("begins with the home of a user who is not known here") from None
        return value

    @field_validator("network")
    @classmethod
    def _check_network(cls, value: str) -> str:
        value = value.strip()
        if not value or value == FILE_NETWORK_PREFIX:
            raise ValueError("wants local, file:PATH, finney, test or ws://…")
        return value

    @field_validator("log_level")
    @classmethod
    def _check_log_level(cls, value: str) -> str:
        if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise ValueError("wants DEBUG, INFO, WARNING or ERROR")
        return value.upper()

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
        return dict(_json(self.files_options.get_secret_value())) if self.files_options else {}

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
        return {name: _PASSWORD.sub("//***@", str(value)) for name, value in fields.items()}


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
