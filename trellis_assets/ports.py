"""What the steps need from the outside world, as Protocols. Adapters implement them."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from trellis_assets.domain.endpoints import Endpoint, Outcome, Probe
from trellis_assets.domain.feedback import Feedback
from trellis_assets.domain.gallery import ModelFilter
from trellis_assets.domain.generations import Generation, StoredFile
from trellis_assets.domain.integrity import Count
from trellis_assets.domain.orders import BackendState, Order
from trellis_assets.domain.pacing import Elsewhere, TaskInHand
from trellis_assets.domain.retention import StoredModel, Surplus
from trellis_assets.domain.splats import GaussianSplats
from trellis_assets.domain.statistics import StatisticsSnapshot, ValidatorCounters
from trellis_assets.domain.submissions import Submission, SubmissionKind, SubmissionOutcome
from trellis_assets.domain.tasks import PulledTask, Task, TaskKind, TaskState
from trellis_assets.domain.validators import PollTimes, Validator
from trellis_assets.domain.verdicts import Verdict

if TYPE_CHECKING:
    import pandas as pd


class Clock(Protocol):
    """Time, so that tests can own it."""

    def now(self) -> datetime:
        """Aware UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        ...


# --- the validators ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TaskAssigned:
    """The validator handed out a task (new, or the one it had handed out before)."""

    task: PulledTask


@dataclass(frozen=True, slots=True)
class CoolingDown:
    """The validator refuses until `until`; `violations` counts pulls it thinks came too early."""

    until: datetime
    violations: int


@dataclass(frozen=True, slots=True)
class NoTask:
    """The validator answered well-formed, with neither a task nor a cooldown."""


@dataclass(frozen=True, slots=True)
class NotRegistered:
    """The validator does not know our hotkey; it says when to ask again."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No answer: refused connection, time-out, server error.

    `may_have_assigned`: the request may have arrived, so that a task may wait for us there.
    """

    reason: str
    may_have_assigned: bool = False


@dataclass(frozen=True, slots=True)
class Rubbish:
    """An answer that is not the protocol."""

    reason: str


PollAnswer = TaskAssigned | CoolingDown | NoTask | NotRegistered | Unreachable | Rubbish


@dataclass(frozen=True, slots=True)
class SubmissionAnswer:
    """What came back from a submission.

    Attributes:
        feedback: checked and bounded, None when none came.
        cooldown_until: where it lies ahead, else None.
    """

    outcome: SubmissionOutcome
    feedback: Feedback | None
    cooldown_until: datetime | None
    message: str


class ValidatorNetwork(Protocol):
    """The subnet as a miner sees it."""

    @property
    def miner_hotkey(self) -> str:
        """Our ss58 address."""
        ...

    def metagraph(self) -> Sequence[Validator]:
        """All neurons listed now.

        Raises:
            MetagraphError: with what to do about it.
        """
        ...

    async def pull(self, validator: Validator) -> PollAnswer:
        """One PullTask call. Never raises for what the validator does."""
        ...

    async def submit(
        self, validator: Validator, *, task: Task, kind: SubmissionKind, spz: bytes
    ) -> SubmissionAnswer:
        """One signed SubmitResults call; `spz` is ignored for a hand-back.

        Never raises for what the validator does.
        """
        ...


class MetagraphError(RuntimeError):
    """The list of validators cannot be had; the text says what to do."""


# --- generation and local validation ------------------------------------------------------------


class GenerationError(RuntimeError):
    """A model could not be generated.

    Attributes:
        is_transient: asking the same endpoint again may help.
        is_away: nobody was there to ask.
    """

    def __init__(self, message: str, *, is_transient: bool, is_away: bool = False) -> None:
        super().__init__(message)
        self.is_transient = is_transient
        self.is_away = is_away


class PromptRefusedError(GenerationError):
    """The prompt is at fault, whoever is asked: that speaks against no endpoint."""

    def __init__(self, message: str) -> None:
        super().__init__(message, is_transient=False)


class UnsupportedPromptError(GenerationError):
    """The endpoint takes no prompts of this kind. Where none does, the task is handed back as unsupported."""

    def __init__(self, message: str) -> None:
        super().__init__(message, is_transient=False)


class Generator(Protocol):
    """Prompt in, splats out. One call at a time per endpoint."""

    @property
    def name(self) -> str:
        """Backend and version, stored with each generation."""
        ...

    @property
    def endpoints(self) -> Sequence[str]:
        """Names of the slots: each runs one generation at a time."""
        ...

    def probe(self) -> Sequence[Probe]:
        """What a look at each endpoint finds, within a few seconds."""
        ...

    def supports(self, kind: TaskKind) -> bool:
        """Whether this backend takes such prompts."""
        ...

    def generate(self, prompt: str, *, kind: TaskKind, seed: int, endpoint: str) -> GaussianSplats:
        """The model for a prompt; the same for the same prompt and seed where the backend can.

        Raises:
            GenerationError: with whether it is worth retrying.
        """
        ...


# Told what is under way and what share of it is done; raises GenerationStoppedError to call it off.
Watch = Callable[[str, float], None]


class ServerBackend(Protocol):
    """What a generation server makes models with. One call at a time."""

    @property
    def name(self) -> str:
        """Backend and version."""
        ...

    @property
    def kinds(self) -> frozenset[TaskKind]:
        """The prompts it takes."""
        ...

    def generate(self, order: Order, watch: Watch) -> GaussianSplats:
        """The model, +Y up.

        Raises:
            GenerationError: with whether it is worth retrying.
            GenerationStoppedError: `watch` called it off.
        """
        ...

    def state(self) -> BackendState:
        """What is loaded; cheap, and safe while a model is made."""
        ...

    def unload(self) -> None:
        """Models and their GPU memory are given back; the next order loads them again."""
        ...


class SplatCodec(Protocol):
    """Splats as bytes.

    Raises:
        ValueError: the format cannot hold the model; says why.
    """

    def encode_spz(self, splats: GaussianSplats) -> bytes: ...
    def encode_ply(self, splats: GaussianSplats) -> bytes: ...


class ValidationUnavailableError(RuntimeError):
    """The local validator could not judge (service down, nonsense answer): not a verdict."""


class LocalValidator(Protocol):
    """Judges a model as the subnet's validators would, before a submission is risked."""

    @property
    def name(self) -> str:
        """Backend and version, stored with each verdict."""
        ...

    def validate(self, spz: bytes, *, prompt: str, kind: TaskKind) -> Verdict:
        """The verdict on the exact bytes that would be submitted.

        Raises:
            ValidationUnavailableError: when no verdict can be given now.
        """
        ...


# --- storage ----------------------------------------------------------------------------------


class FileStore(Protocol):
    """Model files, addressed by a relative path that the store chose."""

    def write(self, task_key: int, suffix: str, data: bytes) -> StoredFile:
        """`data` is durably on disk (atomic: never half a file).

        Raises:
            StoreError: it could not be written, and nothing is left of it; says what to do.
        """
        ...

    def read(self, file: StoredFile) -> bytes:
        """The bytes.

        Raises:
            MissingFileError: it is not there.
            StoredFileError: of another size or with another checksum.
            StoreError: shared storage does not answer; the file may well be there.
        """
        ...

    def derived(self, file: StoredFile, suffix: str, make: Callable[[bytes], bytes]) -> bytes:
        """What `make` makes of the file's bytes, kept so that it is made once.

        Raises:
            StoredFileError: as `read`, the first time.
        """
        ...

    def delete(self, path: str) -> None:
        """The file and what was derived from it are gone; a missing one is no error."""
        ...

    def sweep(self, known: Container[str], before: datetime) -> int:
        """How many files older than that were deleted: neither known nor derived from a known one."""
        ...


class StoredFileError(RuntimeError):
    """A stored file is not what was stored."""


class MissingFileError(StoredFileError):
    """A stored file is gone."""


class ClaimLostError(RuntimeError):
    """Another run has taken the task over: whatever this one does with it no longer counts."""


class WrongHotkeyError(RuntimeError):
    """A process was handed the task of another miner: it cannot sign for it."""


class StoreError(RuntimeError):
    """The store cannot be used as it is (another version, unreachable); says what to do."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What recording a pulled task did.

    Attributes:
        is_new: False when the validator served a task again that we already know.
    """

    task: Task
    is_new: bool


class TaskStore(Protocol):
    """Everything the miner must not forget. Each method is one transaction."""

    # validators and polling
    def save_validators(self, validators: Iterable[Validator], now: datetime) -> None: ...
    def listed_validators(self) -> tuple[list[Validator], datetime | None]:
        """The neurons of the last saved metagraph, and when it was saved (None: never)."""
        ...

    def poll_times(self, miner_hotkey: str) -> dict[str, PollTimes]: ...
    def begin_poll(
        self,
        miner_hotkey: str,
        hotkey: str,
        *,
        next_poll_at: datetime,
        now: datetime,
        longest_rest: timedelta,
        session_id: int | None = None,
    ) -> bool:
        """Claim the next pull from a validator; False if another process was first."""
        ...

    def record_poll(
        self,
        miner_hotkey: str,
        hotkey: str,
        *,
        outcome: str,
        now: datetime,
        next_poll_at: datetime | None = None,
        cooldown_until: datetime | None = None,
        violations: int | None = None,
        brings_task: bool = False,
    ) -> None:
        """The answer is stored; where it brings a task, that counts as asked for until it has arrived."""
        ...

    # tasks
    def record_arrival(
        self,
        pulled: PulledTask,
        *,
        validator: Validator | None,
        miner_hotkey: str,
        now: datetime,
        session_id: int | None,
    ) -> Arrival:
        """The task is in the table. A known (miner, validator, task id) is returned unchanged."""
        ...

    def reopen(self, key: int, now: datetime) -> Task:
        """A task that its validator served again waits for a run, its model kept, one attempt on."""
        ...

    def task(self, key: int) -> Task: ...
    def tasks_in(
        self, states: Iterable[TaskState], *, limit: int | None = None, newest_first: bool = False
    ) -> list[Task]:
        """Tasks in these states, in the order they came."""
        ...

    def in_hand(self, miner_hotkey: str | None) -> list[TaskInHand]:
        """The miner's unfinished tasks (None: every miner's), without what makes them large, oldest first."""
        ...

    def elsewhere(self, miner_hotkey: str, now: datetime, asked_since: datetime) -> list[Elsewhere]:
        """What other miners have coming: waiting tasks, and questions that were asked since then."""
        ...

    def unclaimed(self, miner_hotkey: str, now: datetime) -> list[Task]:
        """The miner's tasks that no live run works on, among those to work on or being submitted."""
        ...

    def mark_requested(self, key: int, attempt: int, now: datetime) -> None: ...
    def claim(self, key: int, run_id: str, *, now: datetime, until: datetime) -> Task | None:
        """The task, now held by `run_id`; None if another live run holds it or it is final."""
        ...

    def extend_claim(self, key: int, run_id: str, until: datetime) -> bool: ...
    def release_claim(self, key: int, run_id: str) -> None: ...
    def move(
        self,
        key: int,
        state: TaskState,
        *,
        now: datetime,
        reason: str | None = None,
        generation: Generation | None = None,
        verdict: Verdict | None = None,
        submission: Submission | None = None,
        feedback: Feedback | None = None,
        run_id: str | None = None,
    ) -> Task:
        """The task is in `state` with what is given stored.

        Reaching a final state stamps `finished_at` and frees the claim.

        Raises:
            IllegalTransitionError: and nothing changed.
            ClaimLostError: `run_id` was given and does not hold the task (any more).
        """
        ...

    def settle(
        self,
        key: int,
        state: TaskState,
        *,
        now: datetime,
        reason: str | None,
        submission: Submission,
        feedback: Feedback | None,
        cooldown_until: datetime | None,
        run_id: str,
    ) -> Task:
        """As `move`, after an answer: counters, moving average and cooldown of the validator with it.

        Raises:
            IllegalTransitionError, ClaimLostError: and nothing changed.
        """
        ...

    # duplicates
    def earlier_with_prompt(
        self,
        *,
        miner_hotkey: str,
        validator_hotkey: str,
        prompt_sha256: str,
        since: datetime,
        before_key: int,
    ) -> list[Task]:
        """Earlier tasks of the same miner and validator with the same prompt, newest first."""
        ...

    # idle validation
    def unjudged(self, miner_hotkey: str, start: datetime, end: datetime) -> list[Task]:
        """The miner's finished tasks generated in start..end (excluded) whose file has no local score."""
        ...

    def record_idle_verdict(self, key: int, verdict: Verdict) -> bool:
        """Whether the verdict is new. It becomes the task's score where there was none."""
        ...

    # generation slots
    def acquire_slot(
        self, endpoints: Sequence[str], task_key: int, *, now: datetime, until: datetime
    ) -> str | None:
        """The first endpoint that takes work and is free, now held for the task; None if none is."""
        ...

    def is_next_in_line(self, task_key: int, now: datetime) -> bool:
        """Whether no other waiting task goes before this one."""
        ...

    def endpoints(self, names: Sequence[str], now: datetime) -> list[Endpoint]:
        """The named endpoints in their order; one that was never used is as new."""
        ...

    def record_probes(self, probes: Sequence[Probe], now: datetime) -> None:
        """Breakers know what was found at the doors."""
        ...

    def generation_pace(self) -> float | None:
        """How long one of the last generations took, seconds: their median. None before the first."""
        ...

    def start_pace(self) -> float | None:
        """Seconds in which nine of ten of the last tasks had a run ready to generate; None: not known."""
        ...

    def extend_slot(self, endpoint: str, task_key: int, until: datetime) -> bool: ...
    def release_slot(self, endpoint: str, task_key: int, *, now: datetime, outcome: Outcome | None) -> None:
        """The endpoint is free, and knows how the generation ended; None where that says nothing of it."""
        ...

    # statistics
    def validator_counters(self) -> list[ValidatorCounters]: ...
    def count_by_state(self, session_id: int | None = None) -> dict[TaskState, int]: ...
    def start_session(self, now: datetime, flags: Mapping[str, object]) -> int: ...
    def beginning(self) -> datetime | None:
        """When the first session started; None before it."""
        ...

    def drain_session(self, session_id: int, now: datetime) -> None:
        """From now on the session takes no new task."""
        ...

    def is_draining(self, session_id: int) -> bool: ...
    def end_session(self, session_id: int, now: datetime) -> None: ...
    def statistics(self, session_id: int | None, now: datetime) -> StatisticsSnapshot: ...
    def save_snapshot(self, snapshot: StatisticsSnapshot) -> None: ...


class IntegrityStore(Protocol):
    """Rows that contradict what must hold. All look at tasks since a moment."""

    def count_since(self, since: datetime) -> int: ...
    def stuck_tasks(self, pulled_before: datetime, now: datetime) -> list[int]: ...
    def generated_twice(self, since: datetime, window: timedelta) -> list[int]: ...
    def without_feedback(self, since: datetime) -> list[int]: ...
    def scored_pairs(self, since: datetime) -> list[tuple[int, float, float]]: ...
    def model_files(self, newest: int) -> Sequence[tuple[int, StoredFile]]: ...
    def count_by_state(self) -> dict[TaskState, int]: ...
    def counters_and_rows(self) -> list[Count]:
        """The counters of each miner and validator."""
        ...

    def snapshot_and_rows(self) -> list[Count]:
        """What the last saved snapshot says of answered tasks; nothing before the first."""
        ...


class Notifier(Protocol):
    """Where a person reads messages."""

    def notify(self, text: str, link: str) -> bool:
        """Whether the message was taken; never raises for a place that is away.

        Args:
            text: may quote strangers: shown as plain words, whatever markup the place knows.
            link: where to read on.
        """
        ...


class RetentionStore(Protocol):
    """What may go, and what says that it is gone. All give how many there were."""

    def forget_prompts(self, before: datetime) -> int: ...
    def forget_pictures(self, before: datetime) -> int: ...
    def forget_snapshots(self, before: datetime) -> int: ...
    def archive_tasks(self, before: datetime) -> int:
        """Ended tasks without a file become sums."""
        ...

    def stored_models(self) -> list[StoredModel]: ...
    def forget_models(self, gone: Surplus, now: datetime) -> list[str]:
        """The rows no longer need these files; paths of the PLY files among them."""
        ...

    def known_files(self) -> set[str]:
        """Paths of all files that a task needs or may need."""
        ...


class ModelCatalogue(Protocol):
    """Tasks that have a model, for people to look at."""

    def models(self, wanted: ModelFilter, limit: int) -> list[Task]:
        """The newest first."""
        ...

    def model(self, key: int) -> Task | None: ...
    def validators(self) -> list[tuple[str, str]]:
        """Hotkey and name of the validators that were ever asked."""
        ...


class Ledger(Protocol):
    """The store as tables, for reports. Times are aware UTC; `end` is excluded."""

    def tasks(self, start: datetime, end: datetime, *, newest: int | None = None) -> Iterator["pd.DataFrame"]:
        """Tasks pulled in these hours, in pieces of equal columns, oldest first; at least one piece."""
        ...

    def rewards(self, start: datetime, end: datetime) -> "pd.DataFrame":
        """Per miner and validator, what tasks that ended in these hours brought."""
        ...

    def validators(self) -> "pd.DataFrame":
        """Per miner and validator, everything so far."""
        ...

    def reasons(self, start: datetime, end: datetime) -> "pd.DataFrame":
        """Tasks that ended in these hours without a submission, by reason."""
        ...
