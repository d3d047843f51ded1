"""Steps with their policies, over the adapters that the settings ask for."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING

from trellis_assets.adapters.prompt_lists import read_prompts
from trellis_assets.composition.adapters import Adapters
from trellis_assets.composition.backends import secret
from trellis_assets.domain.diagnostics import CheckResult
from trellis_assets.domain.endpoints.endpoints import why_none_is_ready
from trellis_assets.domain.metagraph_reads import CHAIN_BACKOFF, FILE_BACKOFF
from trellis_assets.domain.scheduling.run_attempts import RunStatus
from trellis_assets.domain.tasks import Task
from trellis_assets.domain.validators import EligibilityPolicy
from trellis_assets.ports import DeclaresOrientation, PictureSource
from trellis_assets.settings import (
    SettingsError,
)
from trellis_assets.steps.check_consistency import CheckConsistencyStep
from trellis_assets.steps.create_prompt_tasks import CreatePromptTasksStep
from trellis_assets.steps.dispatch_runs import DispatchRunsStep
from trellis_assets.steps.export_statistics import ExportStatisticsStep
from trellis_assets.steps.generate import GenerateStep
from trellis_assets.steps.handle_poll_response import JITTER
from trellis_assets.steps.maintain import MaintainStep
from trellis_assets.steps.notify import NotifyStep
from trellis_assets.steps.orient_model import OrientModelStep
from trellis_assets.steps.poll_validators import PollingPolicy, PollValidatorsStep
from trellis_assets.steps.preview import MadeFromStep, PreviewStep
from trellis_assets.steps.probe_endpoints import ProbeEndpointsStep
from trellis_assets.steps.publish_report import PublishReportStep
from trellis_assets.steps.refresh_validators import MetagraphPolicy, RefreshValidatorsStep
from trellis_assets.steps.submit import SubmitStep
from trellis_assets.steps.validate import ValidateStep
from trellis_assets.steps.validate_idle import ValidateIdleStep
from trellis_assets.system.adaptive_cache import AdaptiveCache

if TYPE_CHECKING:
    from trellis_assets.servers.gallery.app import GalleryParts

# "Validator refresh: every hour" on a chain; a file is cheap to read again.
CHAIN_METAGRAPH_AGE = timedelta(hours=1)
FILE_METAGRAPH_AGE = timedelta(seconds=5)


class Pipeline(Adapters):
    """The pipeline of one process."""

    def check(self) -> None:
        """What mining needs is there: store, files, hotkey, prompts.

        Raises:
            StoreError, WalletError, SettingsError: with what to do.
        """
        settings = self.settings
        self.store.count_by_state()
        self.check_files()
        self.notify_step  # noqa: B018 - reads the URL
        if settings.mining.harvest:
            self.network.miner_hotkey  # noqa: B018 - reads the key
        else:
            read_prompts(settings.mining.prompts_file)
        if (
            not settings.servers.start_server
            and (problem := why_none_is_ready(self.generator.probe())) is not None
        ):
            raise SettingsError(
                f"{problem}: start one, mine with --start-server, or set TRELLIS_GENERATOR=embedded"
            )

        if (problem := self.verdict_problem()) is not None:
            raise SettingsError(
                f"TRELLIS_REQUIRE_VERDICT is set and no model can be validated: {problem}. "
                "`trellis-assets doctor` says more; without the setting models go out unjudged"
            )

    def verdict_problem(self) -> str | None:
        """Return why nothing is to be pulled for want of a verdict; None where none is required.

        Raises:
            SettingsError: the validator cannot be made, or validation is off and required.
        """
        settings = self.settings
        if not settings.validation.require_verdict:
            return None
        if not settings.validation.validate_models:
            raise SettingsError("TRELLIS_REQUIRE_VERDICT is set and validation is off: choose one")
        return self._verdict_look.get(self.validator.problem)

    @cached_property
    def _verdict_look(self) -> AdaptiveCache[str | None]:
        return AdaptiveCache(None, times_cheaper=20)

    def pull_step(self, cadence: timedelta = timedelta(0)) -> PollValidatorsStep:
        """Polls validators; rounds come at the cadence."""
        settings = self.settings
        is_file = settings.network.reads_file
        interval = timedelta(seconds=settings.network.pull_interval)
        backoff = timedelta(seconds=settings.network.error_backoff)
        policy = PollingPolicy(
            polls=EligibilityPolicy(
                settings.network.min_stake,
                settings.network.require_permit,
                max(interval * (1 + JITTER), backoff),
            ),
            interval=interval,
            error_backoff=backoff,
            metagraph_age=FILE_METAGRAPH_AGE if is_file else CHAIN_METAGRAPH_AGE,
            max_waiting=settings.mining.max_waiting_tasks,
            endpoints=self.generator.endpoints,
            cadence=cadence,
            task_limit=settings.mining.task_limit,
            session_id=settings.mining.session_id,
            metagraph=self.metagraph_policy(),
        )
        return PollValidatorsStep(self.store, self.network, self.clock, policy)

    def probe_endpoints_step(self) -> ProbeEndpointsStep:
        """Looks which generation endpoints are there."""
        return ProbeEndpointsStep(self.store, self.generator, self.clock)

    def prompt_step(self) -> CreatePromptTasksStep:
        """Makes tasks from prompts."""
        settings = self.settings
        return CreatePromptTasksStep(
            store=self.store,
            clock=self.clock,
            prompts=read_prompts(settings.mining.prompts_file),
            miner_hotkey=self.miner_hotkey,
            max_waiting=settings.mining.max_waiting_tasks,
            task_limit=settings.mining.task_limit,
            session_id=settings.mining.session_id,
        )

    def dispatch_step(self, run_status: Callable[[Task], RunStatus]) -> DispatchRunsStep:
        """Names tasks that need a run."""
        return DispatchRunsStep(self.store, self.clock, self.miner_hotkey, run_status)

    def generate_step(self) -> GenerateStep:
        """Generates models."""
        settings = self.settings
        policy = settings.generation.policy()
        pictures = self.generator if isinstance(self.generator, PictureSource) else None
        return GenerateStep(
            *(self.store, self.files, self.codec, self.generator, self.clock, policy),
            pictures=pictures,
            orient=self.orient_model_step(),
        )

    def orient_model_step(self) -> OrientModelStep | None:
        """Turn models of generation servers head up; None where the generator knows its own."""
        generator, settings = self.generator, self.settings
        if not isinstance(generator, DeclaresOrientation):
            return None
        validator = self.validator if settings.validation.validate_models else None
        chosen = settings.generation.orientations(generator.endpoints)
        return OrientModelStep(self.store, self.codec, generator, validator, self.clock, chosen)

    def validate_step(self) -> ValidateStep:
        """Judges models."""
        settings = self.settings
        policy = settings.validation.policy()
        return ValidateStep(self.store, self.files, self.validator, self.clock, policy)

    def preview_step(self) -> PreviewStep:
        """Draws models."""
        from trellis_assets.adapters.rendering.pictures import webp_preview

        return PreviewStep(self.files, webp_preview)

    def made_from_step(self) -> MadeFromStep:
        """Shows what models were made from."""
        from trellis_assets.adapters.rendering.pictures import webp_row

        return MadeFromStep(self.files, webp_row)

    def submit_step(self) -> SubmitStep:
        """Answers validators."""
        policy = self.settings.mining.submission_policy(self.settings.validation.min_score)
        return SubmitStep(self.store, self.files, lambda: self.network, self.clock, policy)

    def refresh_validators_step(self) -> RefreshValidatorsStep:
        """Stores the metagraph."""
        return RefreshValidatorsStep(self.store, self.network, self.clock, self.metagraph_policy())

    def metagraph_policy(self) -> MetagraphPolicy:
        """Return where the list of validators comes from, and what it tells."""
        settings = self.settings
        is_file = settings.network.reads_file
        return MetagraphPolicy(
            source=settings.network.metagraph_source,
            backoff=FILE_BACKOFF if is_file else CHAIN_BACKOFF,
            registration=None if is_file else settings.network.registration_command,
            notify=self.notify_step,
            link=settings.servers.webserver_address,
        )

    def check_integrity_step(self) -> CheckConsistencyStep:
        """Looks for what must not be."""
        from trellis_assets.adapters.storage.consistency_store import SqlConsistencyStore

        window = self.settings.generation.duplicate_window
        return CheckConsistencyStep(SqlConsistencyStore(self.database.engine), self.files, self.clock, window)

    def validate_idle_step(self) -> ValidateIdleStep:
        """Judges what was not judged."""
        is_server = self.settings.validation.uses_server
        return ValidateIdleStep(
            *(self.store, self.files, self.validator, self.clock, self.miner_hotkey),
            shares_validator=is_server,
        )

    def publish_report_step(self) -> PublishReportStep:
        """Writes reports."""
        from trellis_assets.reports.files import write_report

        return PublishReportStep(self.settings.storage.reports_folder, partial(write_report, self.ledger))

    def gallery_parts(
        self,
        examine: Callable[[], Sequence[CheckResult]] = tuple,
        notice: Callable[[], str | None] = lambda: None,
    ) -> "GalleryParts":
        """What the gallery shows; `examine` looks at the miner's health, `notice` at whether it mines."""
        from trellis_assets.adapters.rendering.pictures import webp_preview
        from trellis_assets.reports.report_command import write_days
        from trellis_assets.servers.gallery.app import GalleryParts
        from trellis_assets.servers.gallery.model_files import ModelFiles, convert

        return GalleryParts(
            catalogue=self.catalogue,
            models=ModelFiles(self.files, convert, webp_preview),
            write_report=lambda name, since, until, path: write_days(
                self.ledger, name, since=since, until=until, path=path, now=self.clock.now()
            ),
            examine=examine,
            notice=notice,
            dagster_url=self.settings.servers.webserver_address,
        )

    @cached_property
    def notify_step(self) -> NotifyStep | None:
        """Tells a person; None without a webhook. One per process: it remembers what it said.

        Raises:
            SettingsError: the webhook's URL is none.
        """
        url = secret(self.settings.mining.webhook_url)
        if url is None:
            return None
        from trellis_assets.adapters.notifications.webhook import WebhookNotifier

        try:
            return NotifyStep(WebhookNotifier(url), self.clock)
        except ValueError as error:
            raise SettingsError(f"TRELLIS_WEBHOOK_URL: {error}") from None

    def maintain_step(self) -> MaintainStep:
        """Cleans up what is past its time."""
        from trellis_assets.adapters.storage.retention_store import SqlRetentionStore

        settings = self.settings
        policy = settings.retention.policy(settings.generation.duplicate_window)
        return MaintainStep(SqlRetentionStore(self.database.engine), self.files, self.clock, policy)

    def export_step(self) -> ExportStatisticsStep:
        """Takes and writes statistics."""
        settings = self.settings
        return ExportStatisticsStep(
            self.store, self.clock, settings.storage.folder / "reports", settings.mining.session_id
        )
