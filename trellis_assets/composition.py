"""Settings in, the adapters and steps they ask for out. Nothing is opened before it is used."""

import shutil
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING

from pydantic import SecretStr

from trellis_assets.audit import write_audit_to
from trellis_assets.clock import SystemClock
from trellis_assets.domain.dispatch import RunStatus
from trellis_assets.domain.endpoints import why_none_is_ready
from trellis_assets.domain.health import Symptom, judge_disk
from trellis_assets.domain.retention import RetentionPolicy
from trellis_assets.domain.tasks import Task, TaskKind
from trellis_assets.domain.validators import PollPolicy
from trellis_assets.modes import make_private
from trellis_assets.ports import (
    Clock,
    FileStore,
    Generator,
    Ledger,
    LocalValidator,
    ModelCatalogue,
    ServerBackend,
    SplatCodec,
    TaskStore,
    ValidatorNetwork,
)
from trellis_assets.prompts import read_prompts
from trellis_assets.settings import (
    DuplicatePolicy,
    GeneratorBackend,
    ServerBackendName,
    Settings,
    SettingsError,
    ValidatorBackend,
)
from trellis_assets.steps.alert import AlertStep
from trellis_assets.steps.check_integrity import CheckIntegrityStep
from trellis_assets.steps.dispatch import DispatchStep
from trellis_assets.steps.export_statistics import ExportStatisticsStep
from trellis_assets.steps.generate import GenerateStep, GenerationPolicy
from trellis_assets.steps.maintain import MaintainStep
from trellis_assets.steps.preview import PreviewStep
from trellis_assets.steps.probe_endpoints import ProbeEndpointsStep
from trellis_assets.steps.prompts import PromptStep
from trellis_assets.steps.publish_report import PublishReportStep
from trellis_assets.steps.pull import JITTER, PullPolicy, PullStep
from trellis_assets.steps.refresh_validators import RefreshValidatorsStep
from trellis_assets.steps.submit import SubmissionPolicy, SubmitStep
from trellis_assets.steps.validate import ValidateStep, ValidationPolicy
from trellis_assets.steps.validate_idle import ValidateIdleStep

if TYPE_CHECKING:
    from trellis_assets.adapters.storage.store import SqlTaskStore
    from trellis_assets.adapters.validation.judge import SplatJudge
    from trellis_assets.servers.gallery.app import GalleryParts

# "Validator refresh: every hour" on a chain; a file is cheap to read again.
CHAIN_METAGRAPH_AGE = timedelta(hours=1)
FILE_METAGRAPH_AGE = timedelta(seconds=5)
# Tasks of `--no-harvest` belong to nobody's hotkey.
NO_HOTKEY = "none"


def secret(value: SecretStr | None) -> str | None:
    """What is in it."""
    return value.get_secret_value() if value is not None else None


def server_backend(settings: Settings) -> ServerBackend:
    """What our own generation server makes models with.

    Raises:
        SettingsError: TRELLIS without any weights.
    """
    if settings.server_backend is ServerBackendName.EMBEDDED:
        from trellis_assets.adapters.generation.embedded_backend import EmbeddedBackend

        return EmbeddedBackend()
    from trellis_assets.adapters.generation.trellis.backend import TrellisBackend

    named = {TaskKind.TEXT: settings.text_model, TaskKind.IMAGE: settings.image_model}
    models = {kind: model for kind, model in named.items() if model not in {"", "-"}}
    if not models:
        raise SettingsError("TRELLIS_TEXT_MODEL and TRELLIS_IMAGE_MODEL: name one at least")
    return TrellisBackend(models=models, device=settings.server_device)


def local_judge(settings: Settings, clock: Clock) -> "SplatJudge":
    """Who judges models in this process.

    Raises:
        SettingsError: the neural validator lacks packages or weights, or the setting names a server.
        CalibrationError: the calibration file cannot be used.
    """
    if settings.validator is ValidatorBackend.NEURAL:
        from trellis_assets.adapters.validation.neural.validator import NeuralValidator

        return NeuralValidator(clock, weights_dir=settings.weights_dir)
    if settings.validator is ValidatorBackend.HTTP:
        raise SettingsError("TRELLIS_VALIDATOR: a validation server judges by itself: embedded or neural")
    from trellis_assets.adapters.validation import calibration
    from trellis_assets.adapters.validation.embedded import EmbeddedValidator

    return EmbeddedValidator(clock, calibration.load(settings.calibration_file))


class Pipeline:
    """The pipeline of one process. Each part is built at its first use."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        make_private(settings.folder)
        write_audit_to(settings.folder / "logs", settings.log_level)

    def check(self) -> None:
        """What mining needs is there: store, files, hotkey, prompts, metagraph.

        Raises:
            StoreError, WalletError, SettingsError, MetagraphError: with what to do.
        """
        settings = self.settings
        self.store.count_by_state()
        self.check_files()
        self.alert_step  # noqa: B018 - reads the URL
        if settings.harvest:
            self.network.miner_hotkey  # noqa: B018 - reads the key
            if not settings.is_local:
                self.network.metagraph()
        else:
            read_prompts(settings.prompts_file)
        if not settings.start_server and (problem := why_none_is_ready(self.generator.probe())) is not None:
            raise SettingsError(
                f"{problem}: start one, mine with --start-server, or set TRELLIS_GENERATOR=embedded"
            )

    @cached_property
    def clock(self) -> Clock:
        """Real time."""
        return SystemClock()

    @cached_property
    def _database(self) -> "SqlTaskStore":
        from trellis_assets.adapters.storage.store import open_store

        return open_store(self.settings.store_url)

    def close(self) -> None:
        """The store's connections are closed."""
        if "_database" in self.__dict__:
            self._database.close()

    @property
    def store(self) -> TaskStore:
        """The open store, migrated to this version."""
        return self._database

    @cached_property
    def ledger(self) -> Ledger:
        """The store as tables, for reports."""
        from trellis_assets.adapters.storage.ledger import SqlLedger

        return SqlLedger(self._database.engine)

    @cached_property
    def catalogue(self) -> ModelCatalogue:
        """The store's models, for people to look at."""
        from trellis_assets.adapters.storage.gallery import SqlGallery

        return SqlGallery(self._database.engine)

    @cached_property
    def files(self) -> FileStore:
        """Model files, under the data folder or where the settings say."""
        from trellis_assets.adapters.storage.open_files import open_files

        settings = self.settings
        return open_files(settings.files_url, settings.storage_options, settings.folder)

    def check_files(self) -> None:
        """Model files can be written, read and deleted.

        Raises:
            StoreError, StoredFileError: they cannot; says what to do.
        """
        from trellis_assets.adapters.storage.open_files import prove_files

        prove_files(self.files)

    def disk(self) -> Symptom:
        """How much room there is for models, the store and logs."""
        folder = self.settings.folder
        return judge_disk(shutil.disk_usage(folder).free, str(folder))

    @cached_property
    def codec(self) -> SplatCodec:
        """Splats as PLY and SPZ bytes."""
        from trellis_assets.adapters.splat_io.codec import BytesCodec

        return BytesCodec()

    @cached_property
    def network(self) -> ValidatorNetwork:
        """The subnet; loads the hotkey."""
        from trellis_assets.adapters.network.client import BittensorNetwork

        return BittensorNetwork(self.settings, self.clock)

    @property
    def miner_hotkey(self) -> str:
        """Whose tasks this process works on."""
        if not self.settings.harvest:
            return NO_HOTKEY
        return self.settings.miner_hotkey or self.network.miner_hotkey

    @cached_property
    def generator(self) -> Generator:
        """The generation backend of the settings.

        Raises:
            SettingsError: a URL is none.
        """
        settings = self.settings
        if settings.generator is GeneratorBackend.HTTP:
            from trellis_assets.adapters.generation.http import HttpGenerator

            try:
                return HttpGenerator(
                    settings.generator_urls,
                    timeout_s=settings.generation_timeout_s,
                    token=secret(settings.generator_token or settings.server_token),
                )
            except ValueError as error:
                raise SettingsError(f"TRELLIS_GENERATOR_URLS: {error}") from None
        from trellis_assets.adapters.generation.embedded import EmbeddedGenerator

        return EmbeddedGenerator()

    @cached_property
    def validator(self) -> LocalValidator:
        """The local validation backend of the settings."""
        settings = self.settings
        if settings.validator is ValidatorBackend.HTTP:
            from trellis_assets.adapters.validation.http import HttpValidator

            try:
                return HttpValidator(
                    settings.validator_url,
                    timeout_s=settings.validation_timeout_s,
                    clock=self.clock,
                    token=secret(settings.validator_token or settings.server_token),
                )
            except ValueError as error:
                raise SettingsError(f"TRELLIS_VALIDATOR_URL: {error}") from None
        return local_judge(settings, self.clock)

    def pull_step(self, cadence: timedelta = timedelta(0)) -> PullStep:
        """Polls validators; rounds come at the cadence."""
        settings = self.settings
        is_file = settings.metagraph_file is not None
        interval = timedelta(seconds=settings.pull_interval)
        backoff = timedelta(seconds=settings.error_backoff)
        policy = PullPolicy(
            polls=PollPolicy(
                settings.min_stake, settings.require_permit, max(interval * (1 + JITTER), backoff)
            ),
            interval=interval,
            error_backoff=backoff,
            metagraph_age=FILE_METAGRAPH_AGE if is_file else CHAIN_METAGRAPH_AGE,
            max_waiting=settings.max_waiting_tasks,
            endpoints=self.generator.endpoints,
            cadence=cadence,
            task_limit=settings.task_limit,
            session_id=settings.session_id,
        )
        return PullStep(self.store, self.network, self.clock, policy)

    def probe_endpoints_step(self) -> ProbeEndpointsStep:
        """Looks which generation endpoints are there."""
        return ProbeEndpointsStep(self.store, self.generator, self.clock)

    def prompt_step(self) -> PromptStep:
        """Makes tasks from prompts."""
        settings = self.settings
        return PromptStep(
            store=self.store,
            clock=self.clock,
            prompts=read_prompts(settings.prompts_file),
            miner_hotkey=self.miner_hotkey,
            max_waiting=settings.max_waiting_tasks,
            task_limit=settings.task_limit,
            session_id=settings.session_id,
        )

    def dispatch_step(self, run_status: Callable[[Task], RunStatus]) -> DispatchStep:
        """Names tasks that need a run."""
        return DispatchStep(self.store, self.clock, self.miner_hotkey, run_status)

    def generate_step(self) -> GenerateStep:
        """Generates models."""
        settings = self.settings
        policy = GenerationPolicy(
            reuse_duplicates=settings.duplicate_policy is DuplicatePolicy.REUSE,
            duplicate_window=timedelta(hours=settings.duplicate_window_h),
            retries=settings.generation_retries,
            prepare=settings.prepare_submission,
            keep_ply=settings.keep_ply,
        )
        return GenerateStep(self.store, self.files, self.codec, self.generator, self.clock, policy)

    def validate_step(self) -> ValidateStep:
        """Judges models."""
        policy = ValidationPolicy(self.settings.validate_models, self.settings.min_score)
        return ValidateStep(self.store, self.files, self.validator, self.clock, policy)

    def preview_step(self) -> PreviewStep:
        """Draws models."""
        from trellis_assets.adapters.rendering.pictures import webp_preview

        return PreviewStep(self.files, webp_preview)

    def submit_step(self) -> SubmitStep:
        """Answers validators."""
        policy = SubmissionPolicy(self.settings.submit, self.settings.min_score)
        return SubmitStep(self.store, self.files, lambda: self.network, self.clock, policy)

    def refresh_validators_step(self) -> RefreshValidatorsStep:
        """Stores the metagraph."""
        return RefreshValidatorsStep(self.store, self.network, self.clock)

    def check_integrity_step(self) -> CheckIntegrityStep:
        """Looks for what must not be."""
        from trellis_assets.adapters.storage.integrity_store import SqlIntegrityStore

        window = timedelta(hours=self.settings.duplicate_window_h)
        return CheckIntegrityStep(SqlIntegrityStore(self._database.engine), self.files, self.clock, window)

    def validate_idle_step(self) -> ValidateIdleStep:
        """Judges what was not judged."""
        is_server = self.settings.validator is ValidatorBackend.HTTP
        return ValidateIdleStep(
            self.store, self.files, self.validator, self.miner_hotkey, shares_validator=is_server
        )

    def publish_report_step(self) -> PublishReportStep:
        """Writes reports."""
        from trellis_assets.reports.files import write_report

        return PublishReportStep(self.settings.folder / "reports", partial(write_report, self.ledger))

    def gallery_parts(self, examine: Callable[[], Sequence[Symptom]] = tuple) -> "GalleryParts":
        """What the gallery shows; `examine` looks at the miner's health."""
        from trellis_assets.adapters.rendering.pictures import webp_preview
        from trellis_assets.reports.command import write_days
        from trellis_assets.servers.gallery.app import GalleryParts
        from trellis_assets.servers.gallery.models import ModelFiles, convert

        return GalleryParts(
            catalogue=self.catalogue,
            models=ModelFiles(self.files, convert, webp_preview),
            write_report=lambda name, since, until, path: write_days(
                self.ledger, name, since=since, until=until, path=path, now=self.clock.now()
            ),
            examine=examine,
            dagster_url=f"http://127.0.0.1:{self.settings.webserver_port}",
        )

    @cached_property
    def alert_step(self) -> AlertStep | None:
        """Tells a person; None without a webhook. One per process: it remembers what it said.

        Raises:
            SettingsError: the webhook's URL is none.
        """
        url = secret(self.settings.webhook_url)
        if url is None:
            return None
        from trellis_assets.adapters.notify.webhook import WebhookNotifier

        try:
            return AlertStep(WebhookNotifier(url), self.clock)
        except ValueError as error:
            raise SettingsError(f"TRELLIS_WEBHOOK_URL: {error}") from None

    def maintain_step(self) -> MaintainStep:
        """Cleans up what is past its time."""
        from trellis_assets.adapters.storage.retention_store import SqlRetentionStore

        settings = self.settings
        policy = RetentionPolicy(
            prompts_for=timedelta(hours=settings.duplicate_window_h),
            ply_for=timedelta(days=settings.keep_ply_days),
            models_for=timedelta(days=settings.keep_models_days),
            best_for=timedelta(days=settings.keep_best_days),
            best_score=settings.best_score,
            models_max_bytes=int(settings.models_max_gb * 1e9),
            tasks_for=timedelta(days=settings.keep_tasks_days),
            statistics_for=timedelta(days=settings.keep_statistics_days),
        )
        return MaintainStep(SqlRetentionStore(self._database.engine), self.files, self.clock, policy)

    def export_step(self) -> ExportStatisticsStep:
        """Takes and writes statistics."""
        settings = self.settings
        return ExportStatisticsStep(self.store, self.clock, settings.folder / "reports", settings.session_id)
