"""Every setting: its name, type, default and what it is for."""

from datetime import date
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from trellis_assets.settings.choices import (
    LOCAL_NETWORK,
    DuplicatePolicy,
    GeneratorBackend,
    RunLauncherName,
    ServerBackendName,
    ValidatorBackend,
)
from trellis_assets.settings.picture_fields import PictureFields
from trellis_assets.settings.values import (
    Broker,
    Count,
    DagsterDatabase,
    Days,
    Hours,
    LogLevel,
    NamedPath,
    Network,
    OptionalSecret,
    Orientations,
    Port,
    Queues,
    Seconds,
    StorageOptions,
    Url,
    Urls,
    UserPath,
)


class Fields(PictureFields):
    """The variables `TRELLIS_<FIELD>`."""

    model_config = SettingsConfigDict(
        env_prefix="TRELLIS_",
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        allow_inf_nan=False,
    )

    data_dir: NamedPath = Field(Path("data"), description="Folder of everything the pipeline writes.")
    database_url: OptionalSecret = Field(
        None,
        description="URL of the store, such as postgresql://user:password@host/trellis; "
        "default: SQLite file in the data folder.",
    )
    dagster_database_url: DagsterDatabase = Field(
        None,
        description="URL of Dagster's own PostgreSQL database, another than the store's; default: SQLite "
        "files in the data folder.",
    )
    files_url: str | None = Field(
        None,
        description="Where model files are, as fsspec names it, such as s3://bucket/prefix; default: the "
        "data folder.",
    )
    files_options: StorageOptions = Field(
        None, description="What fsspec wants to know of that storage (keys, endpoint), as JSON object."
    )
    network: Network = Field(
        LOCAL_NETWORK,
        description="local (development validators), file:PATH (metagraph as JSON), finney, test, archive, "
        "latent-lite, or a chain endpoint ws://… or wss://….",
    )
    netuid: int = Field(17, ge=0, le=65535, description="Subnet number on the chain.")
    wallet_name: str = Field("default", description="Bittensor wallet (coldkey) name.")
    wallet_hotkey: str = Field("default", description="Name of the hotkey in the wallet.")
    wallet_path: UserPath = Field(Path("~/.bittensor/wallets"), description="Folder of the wallets.")
    dev_hotkey_uri: SecretStr = Field(
        SecretStr("//TrellisAssetsMiner"),
        description="Key URI that signs on the local subnet, where no wallet is needed.",
    )

    harvest: bool = Field(True, description="Pull tasks from validators (else: default prompts).")
    validate_models: bool = Field(True, description="Validate models before submitting them.")
    require_verdict: bool = Field(
        False, description="Pull and submit nothing while models cannot be validated here."
    )
    submit: bool = Field(True, description="Submit results to validators.")
    min_score: float = Field(
        0.0, ge=0, le=1, description="Least local score to submit; below it a task is handed back."
    )
    duplicate_policy: DuplicatePolicy = Field(
        DuplicatePolicy.REUSE,
        description="reuse: submit the best earlier result; skip: hand duplicates back.",
    )
    duplicate_window_h: Hours = Field(24, description="Hours in which a prompt counts as seen.")
    prompts_file: UserPath | None = Field(
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
    min_stake: float = Field(
        1000,
        ge=0,
        description="Least stake weight of a validator that is polled: alpha plus a share of TAO, as the "
        "chain weighs them (metagraph.S), not TAO.",
    )
    require_permit: bool = Field(True, description="Ask only neurons with a validator permit.")
    max_waiting_tasks: Count = Field(
        8, ge=1, description="Pull no more while this many tasks wait for or are in generation."
    )

    generator: GeneratorBackend = Field(GeneratorBackend.EMBEDDED, description="Generation backend.")
    generator_urls: Urls = Field(
        ("http://127.0.0.1:8096",),
        description="Generation endpoints of the http backend, comma separated; one slot each.",
    )
    generator_orientation: Orientations = Field(
        ("auto",),
        description="Which way up models come: as-is, trellis-ply (from TRELLIS's save_ply), z-up or auto "
        "(found out); one for all servers, or one for each, comma separated.",
    )
    generator_token: OptionalSecret = Field(
        None, description="Sent to generation servers; default: the server token."
    )
    server_backend: ServerBackendName = Field(
        ServerBackendName.EMBEDDED, description="What our own generation server makes models with."
    )
    server_token: OptionalSecret = Field(
        None, description="Our servers ask callers for it; needed to bind to other than 127.0.0.1."
    )
    server_queue: int = Field(8, ge=0, le=1000, description="Requests that may wait in our server.")
    server_deadline_s: Seconds = Field(300, description="Longest time our server gives a request.")
    server_idle_unload_s: Seconds = Field(900, description="Our server unloads models idle so long.")
    server_lazy: bool = Field(
        False, description="Our server loads models at the first request, not at its start."
    )
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
    validator_url: Url = Field("http://127.0.0.1:8094", description="404 validation server.")
    validator_token: OptionalSecret = Field(
        None, description="Sent to the validation server; default: the server token."
    )
    weights_dir: UserPath | None = Field(
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
    server_instance: str | None = Field(
        None, max_length=64, description="Name that our server's health page gives (set by `mine`)."
    )
    max_concurrent_runs: int = Field(
        16, ge=1, le=256, description="Dagster runs at a time: run workers. Two are always kept ready."
    )
    run_launcher: RunLauncherName = Field(
        RunLauncherName.WARM, description="Where runs execute: warm (here) or celery (`worker` processes)."
    )
    celery_broker: Broker = Field(
        None, description="URL of the Redis that hands runs to workers, such as redis://:password@host/0."
    )
    celery_queues: Queues = Field(
        ("mining",), description="Queues that runs are spread over, comma separated: one per GPU host, say."
    )
    webserver: bool = Field(False, description="Start the Dagster UI and the gallery with `mine`.")
    webserver_port: Port = Field(3000, description="Port of the Dagster UI.")
    webserver_host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="Address of the Dagster UI; another one asks for a token.",
    )
    webserver_token: OptionalSecret = Field(
        None, description="The Dagster UI asks people for it; needed to bind to other than 127.0.0.1."
    )
    gallery_port: Port = Field(3001, description="Port of the gallery.")
    gallery_url: Url | None = Field(
        None, description="Where links in the Dagster UI lead; default: the gallery on this machine."
    )
    webhook_url: OptionalSecret = Field(
        None, description="Failed runs are told to this webhook (Slack, Discord, Mattermost)."
    )
    stop_timeout_s: Seconds = Field(
        60, description="How long a stop waits for the work in hand before handing it on."
    )
    subnet_validators: int = Field(3, ge=1, le=64, description="Validators of the local subnet.")
    subnet_prompts_file: UserPath | None = Field(
        None, description="Prompts the local subnet's validators ask for, one per line."
    )
    log_level: LogLevel = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
