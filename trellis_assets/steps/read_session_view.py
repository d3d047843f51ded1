"""Read what the terminal shows of a session."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trellis_assets.domain.scheduling.prefetch import ActiveTask
from trellis_assets.domain.session_view import SessionView
from trellis_assets.domain.tasks import TaskState
from trellis_assets.ports import Clock, EndpointRepository, PollRepository, StatisticsRepository


@dataclass(frozen=True, slots=True)
class ReadSessionViewStep:
    """Read validators and endpoints beside the tasks that the session counts anyway.

    Attributes:
        miner_hotkey: whose validators.
        endpoint_names: of the generator.
    """

    polls: PollRepository
    statistics: StatisticsRepository
    endpoints: EndpointRepository
    clock: Clock
    miner_hotkey: str
    endpoint_names: Sequence[str]

    def run(
        self, counts: Mapping[TaskState, int], limit: int | None, active: Sequence[ActiveTask]
    ) -> SessionView:
        """Return the session as it is now: a row of each validator and endpoint, no task's prompt."""
        now = self.clock.now()
        counters = self.statistics.validator_counters()
        return SessionView(
            at=now,
            counts=counts,
            limit=limit,
            polls=tuple(self.polls.records(self.miner_hotkey)),
            counters={c.hotkey: c for c in counters if c.miner_hotkey == self.miner_hotkey},
            endpoints=tuple(self.endpoints.named(list(self.endpoint_names))),
            active=tuple(active),
        )
