"""Create tasks from a list of prompts, where no validator is polled, so that the rest can be tried."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from trellis_assets.domain.tasks import PulledTask, TaskKind
from trellis_assets.observability.audit_log import audit
from trellis_assets.ports import Clock, Store

# What the subnet's validators accept by default.
THRESHOLD = 0.6


@dataclass(frozen=True, slots=True)
class CreatePromptTasksStep:
    """Create as many tasks as there is room for, prompts in the order of the list, over and over.

    Attributes:
        max_waiting: active tasks at most.
        task_limit: of the session; None: no limit.
    """

    store: Store
    clock: Clock
    prompts: Sequence[str]
    miner_hotkey: str
    max_waiting: int
    task_limit: int | None
    session_id: int | None

    def run(self) -> list[int]:
        """Return the keys of the new tasks."""
        room = self.max_waiting - len(self.store.tasks.active(self.miner_hotkey))
        made = sum(self.store.statistics.count_by_state(self.session_id).values())
        if self.task_limit is not None:
            room = min(room, self.task_limit - made)
        keys = []
        for index in range(made, made + max(0, room)):
            pulled = PulledTask(
                task_id=str(uuid.uuid4()),
                kind=TaskKind.TEXT,
                prompt=self.prompts[index % len(self.prompts)],
                validation_threshold=THRESHOLD,
                throttle_s=0,
            )
            arrival = self.store.arrivals.record(
                pulled,
                validator=None,
                miner_hotkey=self.miner_hotkey,
                now=self.clock.now(),
                session_id=self.session_id,
            )
            audit("task made from prompt", task=arrival.task)
            keys.append(arrival.task.key)
        return keys
