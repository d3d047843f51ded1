"""Build the adapters that the settings name. Nothing is opened before it is used."""

import shutil
from functools import cached_property
from typing import TYPE_CHECKING

from trellis_assets.composition.backends import local_judge, secret
from trellis_assets.domain.diagnostics import CheckResult, judge_disk
from trellis_assets.observability.audit_log import configure_audit_log
from trellis_assets.ports import (
    Clock,
    FileStore,
    Generator,
    LocalValidator,
    ModelCatalogue,
    MonitoringRepository,
    RecipeSource,
    ReportQueries,
    SplatCodec,
    Store,
    ValidatorNetwork,
)
from trellis_assets.settings import (
    GeneratorBackend,
    Settings,
    SettingsError,
    ValidatorBackend,
)
from trellis_assets.steps.export_traces import ExportTracesStep
from trellis_assets.steps.notify import NotifyStep
from trellis_assets.system.clock import SystemClock
from trellis_assets.system.file_permissions import make_private_folder

if TYPE_CHECKING:
    from trellis_assets.adapters.storage.store import SqlStore

# Tasks of `--no-harvest` belong to no hotkey.
NO_HOTKEY = "none"


class Adapters:
    """The adapters of one process, each built at its first use."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        make_private_folder(settings.storage.folder)
        configure_audit_log(settings.storage.logs_folder, settings.orchestration.log_level)

    @cached_property
    def clock(self) -> Clock:
        """Return the clock: real time."""
        return SystemClock()

    @cached_property
    def database(self) -> "SqlStore":
        """Return the open database, for what is read from it besides tasks."""
        from trellis_assets.adapters.storage.store import open_store

        return open_store(self.settings.storage.store_url)

    def close(self) -> None:
        """Close the store's connections."""
        if "database" in self.__dict__:
            self.database.close()

    @property
    def store(self) -> Store:
        """Return the open store, migrated to this version."""
        return self.database

    @property
    def ledger(self) -> ReportQueries:
        """Return the store as tables, for reports."""
        return self.database.reports.priced(self.settings.cost.prices())

    @property
    def catalogue(self) -> ModelCatalogue:
        """Return the store's models, for the gallery."""
        return self.database.catalogue

    @property
    def monitoring(self) -> MonitoringRepository:
        """Return what is exported of the store as metrics."""
        return self.database.monitoring

    @cached_property
    def files(self) -> FileStore:
        """Return where model files are kept: the data folder, or TRELLIS_FILES_URL."""
        from trellis_assets.adapters.file_storage.factory import open_files

        settings = self.settings
        return open_files(settings.storage.files_url, settings.storage.file_options, settings.storage.folder)

    def check_files(self) -> None:
        """Check that model files can be written, read and deleted.

        Raises:
            StoreError, StoredFileError: they cannot; with what to do.
        """
        from trellis_assets.adapters.file_storage.factory import prove_files

        prove_files(self.files)

    def disk(self) -> CheckResult:
        """Return how much room there is for models, the store and logs."""
        folder = self.settings.storage.folder
        return judge_disk(shutil.disk_usage(folder).free, str(folder))

    @cached_property
    def codec(self) -> SplatCodec:
        """Return the codec of PLY and SPZ."""
        from trellis_assets.adapters.splat_io.codec import BytesCodec

        return BytesCodec()

    @cached_property
    def network(self) -> ValidatorNetwork:
        """Return the subnet's client; loads the hotkey."""
        from trellis_assets.adapters.bittensor.client import BittensorNetwork

        return BittensorNetwork(self.settings, self.clock)

    @property
    def miner_hotkey(self) -> str:
        """Return the hotkey whose tasks this process works on."""
        if not self.settings.mining.harvest:
            return NO_HOTKEY
        return self.settings.network.miner_hotkey or self.network.miner_hotkey

    @cached_property
    def generator(self) -> Generator:
        """Return the generation backend of the settings.

        Raises:
            SettingsError: a URL is invalid.
        """
        settings = self.settings
        if settings.generation.generator is GeneratorBackend.HTTP:
            from trellis_assets.adapters.generation.http import HttpGenerator

            try:
                return HttpGenerator(
                    settings.generation.generator_urls,
                    timeout_s=settings.generation.generation_timeout_s,
                    token=secret(settings.generation.generator_token or settings.servers.server_token),
                    route=settings.generation.generator_route,
                )
            except ValueError as error:
                raise SettingsError(f"TRELLIS_GENERATOR_URLS: {error}") from None
        from trellis_assets.adapters.generation.embedded.generator import EmbeddedGenerator

        return EmbeddedGenerator()

    @cached_property
    def recipes(self) -> RecipeSource:
        """Return the recipes of the settings' file, or the shipped ones."""
        from trellis_assets.adapters.recipes_file import RecipesFile

        return RecipesFile(self.settings.generation.recipes_file)

    @cached_property
    def validator(self) -> LocalValidator:
        """Return the local validation backend of the settings.

        Raises:
            SettingsError: the URL is invalid, or the neural validator lacks packages or weights.
        """
        settings = self.settings
        if settings.validation.validator is ValidatorBackend.HTTP:
            from trellis_assets.adapters.validation.http import HttpValidator

            try:
                return HttpValidator(
                    settings.validation.validator_url,
                    timeout_s=settings.validation.validation_timeout_s,
                    clock=self.clock,
                    token=secret(settings.validation.validator_token or settings.servers.server_token),
                )
            except ValueError as error:
                raise SettingsError(f"TRELLIS_VALIDATOR_URL: {error}") from None
        return local_judge(settings, self.clock)

    @cached_property
    def export_traces_step(self) -> ExportTracesStep | None:
        """Return the step that sends traces of settled tasks to TRELLIS_TRACES_URL; None where none is set.

        Raises:
            SettingsError: OpenTelemetry is not installed.
        """
        url = secret(self.settings.orchestration.traces_url)
        if url is None:
            return None
        from trellis_assets.adapters.tracing.otlp import MissingTracingError, open_otlp

        try:
            exporter = open_otlp(url, self.miner_hotkey[:8])
        except MissingTracingError as error:
            raise SettingsError(f"TRELLIS_TRACES_URL: {error}") from None
        return ExportTracesStep(self.database.ended_tasks, exporter, self.clock, self.miner_hotkey)

    @cached_property
    def notify_step(self) -> NotifyStep | None:
        """Return the step that sends messages to the services of TRELLIS_WEBHOOK_URL; None without one.

        There is one for the process, since it remembers what it has sent.

        Raises:
            SettingsError: a URL is invalid.
        """
        urls = secret(self.settings.mining.webhook_url)
        if urls is None:
            return None
        from trellis_assets.adapters.notifications.factory import open_notifier

        try:
            return NotifyStep(open_notifier(urls), self.clock)
        except ValueError as error:
            raise SettingsError(f"TRELLIS_WEBHOOK_URL: {error}") from None
