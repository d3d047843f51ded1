"""The subnet as a miner sees it, and what validators answer."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from trellis_assets.domain.feedback import Feedback
from trellis_assets.domain.metagraph import Metagraph
from trellis_assets.domain.submissions import SubmissionKind, SubmissionOutcome
from trellis_assets.domain.tasks import PulledTask, Task
from trellis_assets.domain.validators import Validator


@dataclass(frozen=True, slots=True)
class HttpExchange:
    """How the call that brought an answer went.

    Attributes:
        server_time: what the response's `Date` header says, in UTC, in whole seconds; None without one. It is
            the validator's word: check it before anything is decided by it.
        round_trip_s: from the start of the connection to the last byte of the answer.
    """

    server_time: datetime | None
    round_trip_s: float


@dataclass(frozen=True, slots=True)
class TaskAssigned:
    """The validator handed out a task (new, or the one it had handed out before)."""

    task: PulledTask
    exchange: HttpExchange | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class CoolingDown:
    """The validator refuses until `until`; `violations` counts pulls it thinks came too early."""

    until: datetime
    violations: int
    exchange: HttpExchange | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class NoTask:
    """The validator answered well-formed, with neither a task nor a cooldown."""

    exchange: HttpExchange | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class NotRegistered:
    """The validator does not know our hotkey; it says when to ask again."""

    until: datetime
    exchange: HttpExchange | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No answer: refused connection, time-out, server error.

    `may_have_assigned`: the request may have arrived, so that a task may wait for us there.
    """

    reason: str
    may_have_assigned: bool = False
    exchange: HttpExchange | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class MalformedResponse:
    """An answer that is not the protocol."""

    reason: str
    exchange: HttpExchange | None = field(default=None, compare=False)


PollResponse = TaskAssigned | CoolingDown | NoTask | NotRegistered | Unreachable | MalformedResponse


@dataclass(frozen=True, slots=True)
class SubmissionAnswer:
    """What came back from a submission.

    Attributes:
        feedback: checked and bounded, None when none came.
        cooldown_until: where it lies ahead, else None.
        exchange: None when no answer came.
    """

    outcome: SubmissionOutcome
    feedback: Feedback | None
    cooldown_until: datetime | None
    message: str
    exchange: HttpExchange | None = field(default=None, compare=False)


class ValidatorNetwork(Protocol):
    """The subnet as a miner sees it."""

    @property
    def miner_hotkey(self) -> str:
        """Return our ss58 address."""
        ...

    def metagraph(self) -> Metagraph:
        """Return all neurons listed now, and what they are paid.

        Raises:
            MetagraphError: with what to do about it.
        """
        ...

    async def pull(self, validator: Validator) -> PollResponse:
        """Make one PullTask call. Nothing that the validator does raises."""
        ...

    async def submit(
        self, validator: Validator, *, task: Task, kind: SubmissionKind, spz: bytes
    ) -> SubmissionAnswer:
        """Make one signed SubmitResults call; `spz` is ignored for a hand-back.

        Never raises for what the validator does.
        """
        ...


class MetagraphError(RuntimeError):
    """The list of validators cannot be had; the text says what to do."""
