"""Settings in, adapters out. Nothing is opened before it is used."""

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
    Ledger,
    LocalValidator,
    ModelCatalogue,
    SplatCodec,
    TaskStore,
    ValidatorNetwork,
)
from trellis_assets.settings import (
    GeneratorBackend,
    Settings,
    SettingsError,
    ValidatorBackend,
)
from trellis_assets.system.clock import SystemClock
from trellis_assets.system.file_permissions import make_private_folder

if TYPE_CHECKING:
    from trellis_assets.adapters.storage.store import SqlTaskStore

# Tasks of `--no-harvest` belong to nobody's hotkey.
NO_HOTKEY = "none"


class Adapters:
    """What one process works with. Each part is built at its first use."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        make_private_folder(settings.storage.folder)
        configure_audit_log(settings.storage.logs_folder, settings.orchestration.log_level)

    @cached_property
    def clock(self) -> Clock:
        """Real time."""
        return SystemClock()

    @cached_property
    def database(self) -> "SqlTaskStore":
        """The open database, for what else is read from it than tasks."""
        from trellis_assets.adapters.storage.store import open_store

        return open_store(self.settings.storage.store_url)

    def close(self) -> None:
        """The store's connections are closed."""
        if "database" in self.__dict__:
            self.database.close()

    @property
    def store(self) -> TaskStore:
        """The open store, migrated to this version."""
        return self.database

    @cached_property
    def ledger(self) -> Ledger:
        """The store as tables, for reports."""
        from trellis_assets.adapters.storage.report_queries import SqlLedger

        return SqlLedger(self.database.engine)

    @cached_property
    def catalogue(self) -> ModelCatalogue:
        """The store's models, for people to look at."""
        from trellis_assets.adapters.storage.model_catalogue import SqlGallery

        return SqlGallery(self.database.engine)

    @cached_property
    def files(self) -> FileStore:
        """Model files, under the data folder or where the settings say."""
        from trellis_assets.adapters.file_storage.factory import open_files

        settings = self.settings
        return open_files(settings.storage.files_url, settings.storage.file_options, settings.storage.folder)

    def check_files(self) -> None:
        """Model files can be written, read and deleted.

        Raises:
            StoreError, StoredFileError: they cannot; says what to do.
        """
        from trellis_assets.adapters.file_storage.factory import prove_files

        prove_files(self.files)

    def disk(self) -> CheckResult:
        """How much room there is for models, the store and logs."""
        folder = self.settings.storage.folder
        return judge_disk(shutil.disk_usage(folder).free, str(folder))

    @cached_property
    def codec(self) -> SplatCodec:
        """Splats as PLY and SPZ bytes."""
        from trellis_assets.adapters.splat_io.codec import BytesCodec

        return BytesCodec()

    @cached_property
    def network(self) -> ValidatorNetwork:
        """The subnet; loads the hotkey."""
        from trellis_assets.adapters.bittensor.client import BittensorNetwork

        return BittensorNetwork(self.settings, self.clock)

    @property
    def miner_hotkey(self) -> str:
        """Whose tasks this process works on."""
        if not self.settings.mining.harvest:
            return NO_HOTKEY
        return self.settings.network.miner_hotkey or self.network.miner_hotkey

    @cached_property
    def generator(self) -> Generator:
        """The generation backend of the settings.

        Raises:
            SettingsError: a URL is none.
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
    def validator(self) -> LocalValidator:
        """The local validation backend of the settings."""
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
