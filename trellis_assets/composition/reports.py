"""Steps that export statistics and write reports, and what the gallery shows."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from trellis_assets.composition.metrics import exposition
from trellis_assets.composition.steps import Steps
from trellis_assets.domain.diagnostics import CheckResult
from trellis_assets.domain.overview import DAY
from trellis_assets.ports import ReportQueries
from trellis_assets.steps.export_statistics import ExportStatisticsStep
from trellis_assets.steps.read_earnings import ReadEarningsStep
from trellis_assets.steps.read_overview import ReadOverviewStep
from trellis_assets.steps.read_session_view import ReadSessionViewStep

if TYPE_CHECKING:
    from trellis_assets.domain.earnings.report import EarningsReport
    from trellis_assets.reports.files import ReportPublisher
    from trellis_assets.servers.gallery.app import GalleryParts
    from trellis_assets.steps.compare_recipes import CompareRecipesStep
    from trellis_assets.steps.explain_task import ExplainTaskStep


class ReportSteps(Steps):
    """Export statistics, write reports, show the gallery."""

    @property
    def ledger(self) -> ReportQueries:
        """Return the store as tables."""
        return self._adapters.ledger

    @property
    def gallery_address(self) -> str:
        """Return the URL of the gallery, which serves the reports as pages."""
        return self.settings.servers.gallery_address

    def report_publisher(self) -> "ReportPublisher":
        """Return what writes reports to the reports folder."""
        from trellis_assets.reports.files import ReportPublisher

        return ReportPublisher(self.ledger, self.settings.storage.reports_folder)

    def export_statistics_step(self) -> ExportStatisticsStep:
        """Return the step that takes the statistics and writes them to a file."""
        session_id, folder = self.settings.mining.session_id, self.settings.storage.reports_folder
        return ExportStatisticsStep(self.store.statistics, self.clock, folder, session_id)

    def read_earnings_step(self, miner_hotkey: str | None = None) -> ReadEarningsStep:
        """Return the step that reads what mining earned and cost, for pages and reports.

        Args:
            miner_hotkey: whose; None reads it from the wallet.
        """
        parts, settings = self._adapters, self.settings
        return ReadEarningsStep(
            earnings=parts.store.earnings,
            clock=parts.clock,
            miner_hotkey=miner_hotkey or parts.miner_hotkey,
            source=settings.network.metagraph_source,
            prices=settings.cost.prices(),
        )

    def read_session_view_step(self) -> ReadSessionViewStep:
        """Return the step that reads what the terminal shows of a session."""
        parts = self._adapters
        return ReadSessionViewStep(
            polls=parts.store.polls,
            statistics=parts.store.statistics,
            endpoints=parts.store.endpoints,
            clock=parts.clock,
            miner_hotkey=parts.miner_hotkey,
            endpoint_names=parts.generator.endpoints,
        )

    def explain_task_step(self) -> "ExplainTaskStep":
        """Return the step that says what recorded tasks teach; its models need scipy."""
        from trellis_assets.steps.explain_task import ExplainTaskStep

        return ExplainTaskStep(self.store, self.clock, len(self._adapters.generator.endpoints))

    def read_overview_step(self) -> ReadOverviewStep:
        """Return the step that reads the figures of the start page."""
        return ReadOverviewStep(self.store.statistics, self.store.tasks, self.ledger, self.clock)

    def read_last_earnings(self) -> "EarningsReport | None":
        """Return the earnings of the last day, for processes that open no wallet; None of several miners."""
        hotkey = self.settings.network.miner_hotkey
        if hotkey is None:
            miners = {counters.miner_hotkey for counters in self.store.statistics.validator_counters()}
            hotkey = miners.pop() if len(miners) == 1 else None
        return None if hotkey is None else self.read_earnings_step(hotkey).last(DAY)

    def compare_recipes_step(self) -> "CompareRecipesStep":
        """Return the step that compares two recipes; it needs scipy."""
        from trellis_assets.steps.compare_recipes import CompareRecipesStep

        return CompareRecipesStep(self.ledger.learning, self._adapters.recipes, self.clock)

    def gallery_parts(
        self,
        examine: Callable[[], Sequence[CheckResult]] = tuple,
        notice: Callable[[], str | None] = lambda: None,
        mining: Callable[[], Sequence[CheckResult]] = tuple,
    ) -> "GalleryParts":
        """Return what the gallery shows.

        Args:
            examine: checks the miner's health.
            notice: says why nothing is mined; None while it is.
            mining: checks whether a miner works.
        """
        from trellis_assets.adapters.rendering.pictures import webp_preview
        from trellis_assets.reports.report_command import write_days
        from trellis_assets.servers.gallery.app import GalleryParts
        from trellis_assets.servers.gallery.model_files import ModelFiles, convert

        parts = self._adapters
        return GalleryParts(
            catalogue=parts.catalogue,
            models=ModelFiles(parts.files, convert, webp_preview),
            write_report=lambda name, since, until, path: write_days(
                parts.ledger, name, since=since, until=until, path=path, now=parts.clock.now()
            ),
            encode_metrics=exposition(parts).encode,
            exports=self.settings.storage.reports_folder,
            examine=examine,
            notice=notice,
            overview=self.read_overview_step().run,
            earnings=self.read_last_earnings,
            mining=mining,
            dagster_url=self.settings.servers.webserver_address,
        )
