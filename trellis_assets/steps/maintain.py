"""Maintain: what is past its time is gone."""

from dataclasses import dataclass
from datetime import timedelta

from trellis_assets.audit import audit
from trellis_assets.ports import Clock, TaskStore


@dataclass(frozen=True, slots=True)
class MaintainStep:
    """The step with what it works on."""

    store: TaskStore
    clock: Clock
    prompts_kept_for: timedelta

    def run(self) -> int:
        """The number of remembered prompts that left the duplicate window and were forgotten."""
        forgotten = self.store.forget_prompts(self.clock.now() - self.prompts_kept_for)
        audit("store maintained", prompts_forgotten=forgotten)
        return forgotten
