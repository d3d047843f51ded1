"""Fakes of the clock and of the subnet, and factories of domain values, for tests and benchmarks."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from trellis_assets.domain.candidates import StoredCandidate
from trellis_assets.domain.earnings.economy import NeuronRecord, SubnetEconomy
from trellis_assets.domain.feedback import Feedback
from trellis_assets.domain.generations import Generation, StoredFile
from trellis_assets.domain.metagraph import Metagraph
from trellis_assets.domain.submissions import SubmissionKind, SubmissionOutcome
from trellis_assets.domain.tasks import PulledTask, Task, TaskKind, TaskState, prompt_hash
from trellis_assets.domain.validators import Validator
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.ports import NoTask, PollResponse, SubmissionAnswer

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINER = "5MinerMinerMinerMinerMinerMinerMinerMinerMinerMi"


class FakeClock:
    """A clock that stands still until `advance`; `sleep` advances it without waiting."""

    def __init__(self, now: datetime = NOW) -> None:
        self.current = now
        self.slept: list[float] = []
        self._passed_s = 0.0

    def monotonic(self) -> float:
        """Return how many seconds have passed."""
        return self._passed_s

    def now(self) -> datetime:
        """Return the time that it shows."""
        return self.current

    def sleep(self, seconds: float) -> None:
        """Advance, and remember for how many seconds."""
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let these seconds pass; negative ones set the clock back."""
        self.current += timedelta(seconds=seconds)
        self._passed_s += max(0.0, seconds)

    def jump(self, seconds: float) -> None:
        """Set the clock forwards or back; no time passes."""
        self.current += timedelta(seconds=seconds)


class ScriptedNetwork:
    """A subnet whose responses are scripted.

    Attributes:
        economy: what the metagraph says that neurons are paid.
        pulls: responses to polls, by hotkey; `NoTask` when none is left.
        answers: responses to submissions, in order.
        pulled: hotkeys that were polled.
        submitted: task id, kind and bytes of each submission.
        before_answer: called while a submission waits for its response.
    """

    def __init__(self, validators: Sequence[Validator]) -> None:
        self.miner_hotkey = MINER
        self.validators = list(validators)
        self.economy: SubnetEconomy | None = None
        self.pulls: dict[str, list[PollResponse]] = {}
        self.answers: list[SubmissionAnswer] = []
        self.pulled: list[str] = []
        self.submitted: list[tuple[str, SubmissionKind, bytes]] = []
        self.before_answer: Callable[[], None] = lambda: None

    def metagraph(self) -> Metagraph:
        """Return the validators as they were set."""
        return Metagraph(tuple(self.validators), self.economy)

    async def pull(self, validator: Validator) -> PollResponse:
        """Return the next response of this validator."""
        self.pulled.append(validator.hotkey)
        answers = self.pulls.get(validator.hotkey, [])
        return answers.pop(0) if answers else NoTask()

    async def submit(
        self,
        validator: Validator,  # noqa: ARG002 - the port's
        *,
        task: Task,
        kind: SubmissionKind,
        spz: bytes,
    ) -> SubmissionAnswer:
        """Return the next response of `answers`."""
        self.submitted.append((task.task_id, kind, spz))
        self.before_answer()
        return self.answers.pop(0)


def a_validator(uid: int = 1, **changes: object) -> Validator:
    """Return a validator on loopback; `changes` replaces fields."""
    fields: dict[str, object] = {
        "uid": uid,
        "hotkey": f"5Validator{uid}",
        "ip": "127.0.0.1",
        "port": 9000 + uid,
        "stake": 5000.0,
    }
    return Validator(**(fields | changes))  # type: ignore[arg-type]


def a_pulled_task(task_id: str = "task-1", prompt: str = "a red vase", **changes: object) -> PulledTask:
    """Return a text task as a validator sends it; `changes` replaces fields."""
    fields: dict[str, object] = {
        "task_id": task_id,
        "kind": TaskKind.TEXT,
        "prompt": prompt,
        "validation_threshold": 0.6,
        "throttle_s": 30,
    }
    return PulledTask(**(fields | changes))  # type: ignore[arg-type]


def a_task(key: int = 1, **changes: object) -> Task:
    """Return a stored task in state `pulled`; `changes` replaces fields."""
    prompt = str(changes.get("prompt", "a red vase"))
    fields: dict[str, object] = {
        "key": key,
        "task_id": f"task-{key}",
        "miner_hotkey": MINER,
        "validator_uid": 1,
        "validator_hotkey": "5Validator1",
        "validator_stake": 5000.0,
        "kind": TaskKind.TEXT,
        "prompt": prompt,
        "prompt_sha256": prompt_hash(prompt),
        "validation_threshold": 0.6,
        "throttle_s": 30,
        "pulled_at": NOW,
        "state": TaskState.PULLED,
    }
    return Task(**(fields | changes))  # type: ignore[arg-type]


def a_generation(**changes: object) -> Generation:
    """Return a generation of two seconds; `changes` replaces fields."""
    fields: dict[str, object] = {
        "generator": "test 1",
        "seed": 7,
        "started_at": NOW,
        "finished_at": NOW + timedelta(seconds=2),
        "duration_s": 2.0,
        "splat_count": 20_000,
        "spz": StoredFile("models/a.spz", 10, "0" * 64),
    }
    return Generation(**(fields | changes))  # type: ignore[arg-type]


def a_candidate(task_key: int = 1, **changes: object) -> StoredCandidate:
    """Return the first candidate of a task, made by the usual recipe; `changes` replaces fields."""
    fields: dict[str, object] = {
        "task_key": task_key,
        "number": 0,
        "recipe": "usual",
        "recipe_version": "0" * 12,
        "generator": "test 1",
        "endpoint": "local",
        "seed": 7,
        "started_at": NOW,
        "finished_at": NOW + timedelta(seconds=2),
        "duration_s": 2.0,
        "splat_count": 20_000,
        "spz": StoredFile("models/a.spz", 10, "0" * 64),
    }
    return StoredCandidate(**(fields | changes))  # type: ignore[arg-type]


def a_verdict(score: float = 0.8, **changes: object) -> Verdict:
    """Return a verdict with this score; `changes` replaces fields."""
    fields: dict[str, object] = {
        "validator": "test 1",
        "score": score,
        "started_at": NOW,
        "duration_s": 0.5,
        "parts": {"iqa": score},
    }
    return Verdict(**(fields | changes))  # type: ignore[arg-type]


def a_feedback(fidelity: float = 0.8, **changes: object) -> Feedback:
    """Return the feedback of an accepted result; `changes` replaces fields."""
    fields: dict[str, object] = {
        "validation_failed": False,
        "task_fidelity_score": fidelity,
        "average_fidelity_score": 0.9,
        "generations_within_the_window": 3,
        "current_duel_rating": 1500.0,
        "current_miner_reward": 4500.0,
        "received_at": NOW,
    }
    return Feedback(**(fields | changes))  # type: ignore[arg-type]


def an_answer(outcome: SubmissionOutcome, **changes: object) -> SubmissionAnswer:
    """Return a response to a submission, with feedback where it is accepted; `changes` replaces fields."""
    accepted = outcome is SubmissionOutcome.ACCEPTED
    fields: dict[str, object] = {
        "outcome": outcome,
        "feedback": a_feedback() if accepted else None,
        "cooldown_until": NOW + timedelta(seconds=300) if accepted else None,
        "message": "answered",
    }
    return SubmissionAnswer(**(fields | changes))  # type: ignore[arg-type]


def a_neuron_record(**changes: object) -> NeuronRecord:
    """Return a record of our neuron, of 256 in a full subnet, at 1.5 alpha a tempo; `changes` replaces."""
    fields: dict[str, object] = {
        "source": "finney/17",
        "miner_hotkey": MINER,
        "first_read_at": NOW,
        "read_at": NOW,
        "block": 7_000_000,
        "uid": 42,
        "incentive": 0.01,
        "emission_alpha": 1.5,
        "tempo_blocks": 360,
        "price_tao": 0.02,
        "alpha_stake": 12.5,
        "stake_weight": 12.5,
        "pruning_score": 1.0,
        "rank": 20,
        "miners": 180,
        "registered_at_block": 6_000_000,
        "immune_blocks": 0,
        "pruning_position": 200,
        "neurons": 256,
        "places": 256,
    }
    return NeuronRecord(**(fields | changes))  # type: ignore[arg-type]
