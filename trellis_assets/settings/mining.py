"""What a session mines."""

from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from trellis_assets.domain.learning.wanted_policy import MOST_CANDIDATES, WantedPolicy, parse_policy
from trellis_assets.domain.task_policies import SubmissionPolicy
from trellis_assets.settings.base import SettingsGroup
from trellis_assets.settings.field_types import Count, OptionalSecret, Policy, Seconds, UserPath


class MiningSettings(SettingsGroup):
    """What a session of `mine` does, how much of it, and how it ends."""

    title: ClassVar[str] = "Mining"

    harvest: bool = Field(True, description="Pull tasks from validators; false: make tasks from prompts.")
    submit: bool = Field(True, description="Submit results to validators; false: keep them here.")
    prompts_file: UserPath | None = Field(
        None, description="Prompts for --no-harvest, one per line; default: the shipped list."
    )
    max_waiting_tasks: Count = Field(
        8, ge=1, description="Stop polling while this many tasks wait for or are in generation."
    )
    task_limit: Count | None = Field(None, gt=0, description="Pull at most so many tasks in a session.")
    policy: Policy = Field(
        "learned",
        description="How many models are made of a task: single, best-of-N (best-of-3) or learned; "
        "learned and best-of-N need a local validator, and learned needs answers.",
    )
    max_candidates: Count = Field(
        4, ge=1, le=MOST_CANDIDATES, description="Most models of a task under the learnt policy."
    )
    control_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Share of tasks that the learnt policy leaves to single, so that its gain is measured.",
    )
    explore_share: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Share of the endpoints' idle time in which recipes are tried on past prompts.",
    )
    stop_timeout_s: Seconds = Field(
        60, description="How long a stop waits for running tasks before it hands them on, in seconds."
    )
    webhook_url: OptionalSecret = Field(
        None,
        description="Where messages go, such as that a run failed: a chat's webhook (Slack, Discord, "
        "Mattermost), or a URL of Apprise (mailto://, tgram://, ntfy://); several are separated by spaces.",
    )
    session_id: int | None = Field(
        None, ge=1, le=2**31, description="Session that `mine` started (set by `mine`)."
    )

    def wanted_policy(self) -> WantedPolicy:
        """Return how many models are made of a task."""
        return replace(parse_policy(self.policy), most=self.max_candidates, control_share=self.control_share)

    def submission_policy(self, min_score: float) -> SubmissionPolicy:
        """Return what is submitted.

        Args:
            min_score: least local score of a model that is submitted, 0..1.
        """
        return SubmissionPolicy(self.submit, min_score)
