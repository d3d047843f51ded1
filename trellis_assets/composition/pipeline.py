"""The pipeline of one process: its adapters, and the steps over them by subject."""

from functools import cached_property

from trellis_assets.adapters.prompt_lists import read_prompts
from trellis_assets.adapters.recipes_file import read_recipes
from trellis_assets.composition.adapters import Adapters
from trellis_assets.composition.maintenance import MaintenanceSteps
from trellis_assets.composition.mining import MiningSteps
from trellis_assets.composition.reports import ReportSteps
from trellis_assets.composition.subnet import SubnetSteps
from trellis_assets.domain.endpoints.descriptions import why_none_is_ready
from trellis_assets.settings import SettingsError


class Pipeline(Adapters):
    """The adapters of this process, and the steps over them by subject."""

    @cached_property
    def subnet(self) -> SubnetSteps:
        """Return the steps that poll validators and find tasks that need a run."""
        return SubnetSteps(self)

    @cached_property
    def mining(self) -> MiningSteps:
        """Return the steps of a task."""
        return MiningSteps(self)

    @cached_property
    def maintenance(self) -> MaintenanceSteps:
        """Return the steps that keep the store in order."""
        return MaintenanceSteps(self)

    @cached_property
    def reports(self) -> ReportSteps:
        """Return the steps that write statistics and reports."""
        return ReportSteps(self)

    def check(self) -> None:
        """Check what mining needs: store, files, recipes, webhook, hotkey or prompts, generator, validator.

        Raises:
            StoreError, StoredFileError, WalletError, SettingsError: with what to do.
        """
        settings = self.settings
        self.store.statistics.count_by_state()
        self.check_files()
        read_recipes(settings.generation.recipes_file)
        self.notify_step  # noqa: B018 - reads the URL
        if settings.mining.harvest:
            self.network.miner_hotkey  # noqa: B018 - reads the key
        else:
            read_prompts(settings.mining.prompts_file)
        self.export_traces_step  # noqa: B018 - looks for what it needs
        if not settings.servers.start_server:
            self._check_generator()
        if (problem := self.subnet.verdict_problem()) is not None:
            raise SettingsError(
                f"TRELLIS_REQUIRE_VERDICT is set and no model can be validated: {problem}. "
                "Run `trellis-assets doctor` for the cause, or unset it to submit models without a verdict"
            )

    def _check_generator(self) -> None:
        if (problem := why_none_is_ready(self.generator.probe())) is not None:
            raise SettingsError(
                f"{problem}: start one, mine with --start-server, or set TRELLIS_GENERATOR=embedded"
            )
