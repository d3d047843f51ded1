"""Steps that read the subnet, poll its validators and start a run for each task."""

from collections.abc import Callable
from datetime import timedelta
from functools import cached_property

from trellis_assets.adapters.prompt_lists import read_prompts
from trellis_assets.composition.steps import Steps
from trellis_assets.domain.diagnostics import CheckResult
from trellis_assets.domain.scheduling.run_attempts import RunStatus
from trellis_assets.domain.tasks import Task
from trellis_assets.settings import SettingsError
from trellis_assets.steps.create_prompt_tasks import CreatePromptTasksStep
from trellis_assets.steps.dispatch_runs import DispatchRunsStep
from trellis_assets.steps.end_leases import EndLeasesStep
from trellis_assets.steps.notify import NotifyStep
from trellis_assets.steps.poll_validators import PollingPolicy, PollValidatorsStep
from trellis_assets.steps.probe_endpoints import ProbeEndpointsStep
from trellis_assets.steps.refresh_validators import MetagraphPolicy, RefreshValidatorsStep
from trellis_assets.system.expiring_cache import AdaptiveCache


class SubnetSteps(Steps):
    """Read the metagraph, poll validators for tasks, and find the tasks that need a run."""

    def refresh_validators_step(self) -> RefreshValidatorsStep:
        """Return the step that stores the metagraph."""
        parts = self._adapters
        return RefreshValidatorsStep(
            parts.store.validators, parts.store.polls, parts.network, parts.clock, self.metagraph_policy()
        )

    def metagraph_policy(self) -> MetagraphPolicy:
        """Return where the list of validators comes from, and what follows when the hotkey is not on it."""
        network = self.settings.network
        return MetagraphPolicy(
            source=network.metagraph_source,
            backoff=network.metagraph_backoff(),
            registration=None if network.reads_file else network.registration_command,
            notify=self.notify_step,
            link=self.settings.servers.webserver_address,
            earnings=self.store.earnings,
        )

    def poll_validators_step(self, cadence: timedelta = timedelta(0)) -> PollValidatorsStep:
        """Return the step that polls the validators that are due.

        Args:
            cadence: time until the next round of polls; zero where one follows the other.
        """
        parts, network, mining = self._adapters, self.settings.network, self.settings.mining
        policy = PollingPolicy(
            eligibility=network.eligibility_policy(),
            spacing=network.poll_spacing(),
            metagraph_age=network.metagraph_age(),
            max_waiting=mining.max_waiting_tasks,
            endpoints=parts.generator.endpoints,
            cadence=cadence,
            task_limit=mining.task_limit,
            session_id=mining.session_id,
            metagraph=self.metagraph_policy(),
        )
        return PollValidatorsStep(parts.store, parts.network, parts.clock, policy)

    def create_prompt_tasks_step(self) -> CreatePromptTasksStep:
        """Return the step that makes tasks from prompts, where no validator is polled."""
        parts, mining = self._adapters, self.settings.mining
        return CreatePromptTasksStep(
            store=parts.store,
            clock=parts.clock,
            prompts=read_prompts(mining.prompts_file),
            miner_hotkey=parts.miner_hotkey,
            max_waiting=mining.max_waiting_tasks,
            task_limit=mining.task_limit,
            session_id=mining.session_id,
        )

    def probe_endpoints_step(self) -> ProbeEndpointsStep:
        """Return the step that checks which generation endpoints can take work."""
        return ProbeEndpointsStep(self.store.endpoints, self._adapters.generator, self.clock)

    @cached_property
    def end_leases_step(self) -> EndLeasesStep:
        """Return the step that ends the leases of dead workers; it remembers what it saw."""
        return EndLeasesStep(self.store.leases, self.clock)

    def dispatch_runs_step(self, run_status: Callable[[Task], RunStatus]) -> DispatchRunsStep:
        """Return the step that finds the tasks that need a run.

        Args:
            run_status: what became of the last run of a task.
        """
        return DispatchRunsStep(
            self.store.claims, self.store.tasks, self.clock, self._adapters.miner_hotkey, run_status
        )

    @property
    def notify_step(self) -> NotifyStep | None:
        """Return the step that sends messages to people; None where no notification is set up."""
        return self._adapters.notify_step

    def disk(self) -> CheckResult:
        """Return how much room there is for models, the store and logs."""
        return self._adapters.disk()

    def verdict_problem(self) -> str | None:
        """Return why nothing may be pulled while models cannot be validated; None where it may.

        Raises:
            SettingsError: the validator cannot be built, or a verdict is required and validation is off.
        """
        validation = self.settings.validation
        if not validation.require_verdict:
            return None
        if not validation.validate_models:
            raise SettingsError(
                "TRELLIS_REQUIRE_VERDICT is set, but validation is off: unset it, or validate models"
            )
        return self._verdict_problem.get(self._adapters.validator.problem)

    @cached_property
    def _verdict_problem(self) -> AdaptiveCache[str | None]:
        return AdaptiveCache(None, times_cheaper=20)
