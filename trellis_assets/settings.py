"""Environment, `.env` and flags become one frozen Settings value.

Every field is the variable `TRELLIS_<FIELD>`; flags of the command line override it. Against the
local subnet, waiting times default to seconds; against a real network to the subnet's own rules.
"""

from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

LOCAL_NETWORK = "local"
FILE_NETWORK_PREFIX = "file:"


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
    )

    data_dir: Path = Field(Path("data"), description="Folder of everything the pipeline writes.")
    database_url: SecretStr | None = Field(
        None, description="SQLAlchemy URL of the store; default: SQLite file in the data folder."
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
    duplicate_window_h: float = Field(24, gt=0, description="Hours in which a prompt counts as seen.")
    prompts_file: Path | None = Field(
        None, description="Prompts for --no-harvest, one per line; default: the shipped list."
    )
    prepare_submission: bool = Field(
        True, description="Centre, scale and trim models for the validators' renderer."
    )
    keep_ply: bool = Field(True, description="Keep the PLY of each model beside the submitted SPZ.")

    keep_ply_days: float = Field(2, gt=0, description="PLY files are deleted after so long.")
    keep_models_days: float = Field(14, gt=0, description="SPZ files are deleted after so long.")
    keep_best_days: float = Field(90, gt=0, description="SPZ files of the best models are kept so long.")
    best_score: float = Field(0.85, ge=0, le=1, description="Models from this score on are the best.")
    models_max_gb: float = Field(50, gt=0, description="All model files; what has least time left goes.")
    keep_tasks_days: float = Field(400, gt=0, description="Rows of ended tasks; their sums stay.")
    keep_statistics_days: float = Field(30, gt=0, description="Exported statistics in the store.")
    keep_runs: int = Field(2000, ge=10, description="Finished Dagster runs of each job that are kept.")

    pull_interval_s: float | None = Field(
        None, gt=0, description="Between two pulls of one validator; default 45, local subnet 3."
    )
    error_backoff_s: float | None = Field(
        None, gt=0, description="Rest after a validator failed; default 300, local subnet 10."
    )
    pull_timeout_s: float = Field(12, gt=0, le=50, description="Longest wait for a pull's answer.")
    submit_timeout_s: float = Field(300, gt=0, description="Longest wait for a submission's answer.")
    min_stake: float = Field(1000, ge=0, description="Least stake (TAO) of a validator to be asked.")
    require_permit: bool = Field(True, description="Ask only neurons with a validator permit.")
    max_waiting_tasks: int = Field(
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
    server_deadline_s: float = Field(300, gt=0, description="Longest time our server gives a request.")
    server_idle_unload_s: float = Field(900, gt=0, description="Our server unloads models idle so long.")
    server_device: str = Field("cuda:0", description="GPU of our server, as torch names it.")
    text_model: str = Field(
        "microsoft/TRELLIS-text-xlarge",
        description="TRELLIS weights for text: folder or hub name; - for none.",
    )
    image_model: str = Field(
        "microsoft/TRELLIS-image-large",
        description="TRELLIS weights for pictures: folder or hub name; - for none.",
    )
    generation_timeout_s: float = Field(300, gt=0, description="Longest wait for a generation.")
    generation_retries: int = Field(4, ge=0, le=10, description="More tries after a passing failure.")
    validator: ValidatorBackend = Field(ValidatorBackend.EMBEDDED, description="Local validation backend.")
    validator_url: str = Field("http://127.0.0.1:8094", description="404 validation server.")
    validator_token: SecretStr | None = Field(
        None, description="Sent to the validation server; default: the server token."
    )
    weights_dir: Path | None = Field(
        None, description="Weights of the neural validator; default: downloaded from their hubs."
    )
    validation_timeout_s: float = Field(120, gt=0, description="Longest wait for a validation.")

    first_day: date = Field(
        date(2026, 1, 1),
        description="Where partitions start; `mine` sets it to the day of its first session.",
    )
    session_id: int | None = Field(None, description="Session that `mine` started (set by it).")
    task_limit: int | None = Field(None, gt=0, description="Pull no more than this in a session.")
    start_server: bool = Field(False, description="Start a generation server with `mine`.")
    max_concurrent_runs: int = Field(
        16, ge=1, le=256, description="Dagster runs at a time: run workers. Two are always kept ready."
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
    stop_timeout_s: float = Field(
        60, gt=0, description="How long a stop waits for the work in hand before handing it on."
    )
    subnet_validators: int = Field(3, ge=1, le=64, description="Validators of the local subnet.")
    subnet_prompts_file: Path | None = Field(
        None, description="Prompts the local subnet's validators ask for, one per line."
    )
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")

    @field_validator("generator_urls", mode="before")
    @classmethod
    def _split_urls(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())
        return value

    @field_validator("generator_urls")
    @classmethod
    def _check_urls(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or any(not url.startswith(("http://", "https://")) for url in value):
            raise ValueError("wants http(s)://host:port, comma separated")
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

    @property
    def is_local(self) -> bool:
        """Whether the validators are the local subnet's."""
        return self.network == LOCAL_NETWORK

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

    def environment(self) -> dict[str, str]:
        """The variables that make a child process load these very settings."""
        variables = {}
        for name in type(self).model_fields:
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
