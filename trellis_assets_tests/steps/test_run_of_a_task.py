"""Generate, validate, submit over a real store and real files; only the subnet and time are scripted."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from trellis_assets.adapters.file_storage.local import LocalFileStore
from trellis_assets.adapters.generation.embedded.generator import EmbeddedGenerator
from trellis_assets.adapters.rendering.pictures import webp_preview
from trellis_assets.adapters.splat_io.codec import BytesCodec
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.adapters.validation.embedded.validator import EmbeddedValidator
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.submissions import SubmissionKind, SubmissionOutcome
from trellis_assets.domain.task_policies import GenerationPolicy, SubmissionPolicy, ValidationPolicy
from trellis_assets.domain.tasks import Task, TaskKind, TaskState
from trellis_assets.ports import (
    ClaimLostError,
    GenerationError,
    LocalValidator,
    PromptRefusedError,
    TooCostlyToJudgeError,
    UnclearFaultError,
    UnsupportedPromptError,
    ValidationUnavailableError,
    WrongHotkeyError,
)
from trellis_assets.steps.generate import GenerateStep
from trellis_assets.steps.preview import PreviewStep
from trellis_assets.steps.submit import MAX_SENDS, SubmitStep
from trellis_assets.steps.validate import ValidateStep
from trellis_assets.testing.fakes import (
    MINER,
    FakeClock,
    ScriptedNetwork,
    a_feedback,
    a_pulled_task,
    a_validator,
    a_verdict,
    an_answer,
)
from trellis_assets.testing.leases import let_leases_end

ONE = a_validator(1)


class FailingGenerator(EmbeddedGenerator):
    """Fails as told before it works."""

    def __init__(self, *failures: GenerationError) -> None:
        super().__init__()
        self.failures = list(failures)
        self.calls = 0

    def generate(self, prompt: str, *, kind: TaskKind, seed: int, endpoint: str, **_: Any) -> GaussianSplats:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        return super().generate(prompt, kind=kind, seed=seed, endpoint=endpoint)


class CollapsingGenerator(EmbeddedGenerator):
    """Makes so many models whose opacities are all near zero before it makes good ones."""

    def __init__(self, collapsed: int) -> None:
        super().__init__()
        self.left, self.seeds = collapsed, list[int]()

    def generate(self, prompt: str, *, kind: TaskKind, seed: int, endpoint: str, **_: Any) -> GaussianSplats:
        self.seeds.append(seed)
        splats = super().generate(prompt, kind=kind, seed=seed, endpoint=endpoint)
        self.left -= 1
        if self.left < 0:
            return splats
        return replace(splats, opacity_logits=np.full(len(splats), -9.2, np.float32))


class FixedValidator:
    """Gives one score, or cannot judge."""

    name = "fixed 1"

    def __init__(self, score: float | None) -> None:
        self.score = score

    def validate(self, spz: bytes, *, prompt: str, kind: TaskKind):  # noqa: ANN201 - a test double
        if self.score is None:
            raise ValidationUnavailableError("down")
        return a_verdict(self.score)


class Restarting(FixedValidator):
    """Cannot judge so many times."""

    def __init__(self, failures: int, error: type[ValidationUnavailableError]) -> None:
        super().__init__(0.8)
        self.failures, self.error, self.asked = failures, error, 0

    def validate(self, spz: bytes, *, prompt: str, kind: TaskKind):  # noqa: ANN201 - a test double
        self.asked += 1
        if self.asked <= self.failures:
            raise self.error("down")
        return super().validate(spz, prompt=prompt, kind=kind)


class Bench:
    """The three steps over one store."""

    def __init__(self, store: SqlStore, files: LocalFileStore, clock: FakeClock) -> None:
        self.store, self.files, self.clock = store, files, clock
        self.generator: EmbeddedGenerator = EmbeddedGenerator()
        self.validator: LocalValidator = FixedValidator(0.8)
        self.network = ScriptedNetwork([ONE])
        store.validators.save([ONE], clock.now())
        self.generation = GenerationPolicy()
        self.min_score = 0.0
        self.requires_verdict = False
        self.is_validating = self.is_submitting = True

    def pull(self, task_id: str = "a", prompt: str = "a red vase", **changes: object) -> Task:
        return self.store.arrivals.record(
            a_pulled_task(task_id, prompt, **changes),
            validator=ONE,
            miner_hotkey=MINER,
            now=self.clock.now(),
            session_id=None,
        ).task

    def generate(self, key: int, run: str = "run") -> Task | None:
        step = GenerateStep(self.store, self.files, BytesCodec(), self.generator, self.clock, self.generation)
        return step.run(key, run)

    def validate(self, key: int, run: str = "run") -> Task | None:
        policy = ValidationPolicy(self.is_validating, self.min_score, self.requires_verdict)
        return ValidateStep(self.store, self.files, self.validator, self.clock, policy).run(key, run)

    def submit(self, key: int, run: str = "run") -> Task | None:
        policy = SubmissionPolicy(self.is_submitting, self.min_score)
        return SubmitStep(self.store, self.files, lambda: self.network, self.clock, policy).run(key, run)

    def run(self, key: int, *answers: SubmissionOutcome) -> Task:
        self.network.answers += [an_answer(outcome) for outcome in answers]
        run = f"run-{key}-{self.store.tasks.get(key).attempt}"
        self.generate(key, run)
        self.validate(key, run)
        self.submit(key, run)
        return self.store.tasks.get(key)


@pytest.fixture
def bench(store: SqlStore, files: LocalFileStore, clock: FakeClock) -> Bench:
    return Bench(store, files, clock)


ACCEPTED, REJECTED = SubmissionOutcome.ACCEPTED, SubmissionOutcome.REJECTED
HANDED_BACK, LOST = SubmissionOutcome.HANDED_BACK, SubmissionOutcome.ANSWER_LOST


def test_a_task_runs_from_its_prompt_to_its_feedback(bench: Bench) -> None:
    done = bench.run(bench.pull().key, ACCEPTED)
    assert done.state is TaskState.ACCEPTED
    assert done.generation is not None
    assert done.verdict is not None
    assert done.feedback == a_feedback()
    assert done.submission is not None
    assert done.submission.outcome == "accepted"
    assert done.finished_at is not None
    ((task_id, kind, sent),) = bench.network.submitted
    assert (task_id, kind) == ("a", SubmissionKind.RESULT)
    assert sent == bench.files.read(done.generation.spz), "the stored file is the one submitted"


def test_the_embedded_validator_accepts_what_the_embedded_generator_makes(bench: Bench) -> None:
    bench.validator = EmbeddedValidator(bench.clock)
    assert bench.run(bench.pull().key, ACCEPTED).state is TaskState.ACCEPTED


def test_each_step_done_twice_changes_nothing(bench: Bench) -> None:
    key = bench.pull().key
    first = bench.generate(key)
    assert bench.generate(key) == first
    judged = bench.validate(key)
    assert bench.validate(key) == judged
    bench.network.answers = [an_answer(ACCEPTED)]
    bench.submit(key)
    assert bench.submit(key) is None
    assert len(bench.network.submitted) == 1


def test_a_duplicate_of_the_same_validator_is_handed_back_without_gpu_time(bench: Bench) -> None:
    bench.run(bench.pull("a").key, ACCEPTED)
    bench.generator = FailingGenerator()
    again = bench.run(bench.pull("b").key, HANDED_BACK)
    assert again.state is TaskState.HANDED_BACK
    assert again.reason is not None
    assert again.reason.startswith("duplicate")
    assert bench.generator.calls == 0
    assert bench.network.submitted[-1] == ("b", SubmissionKind.HAND_BACK, b"")


def test_a_duplicate_is_reused_where_that_is_set(bench: Bench) -> None:
    first = bench.run(bench.pull("a").key, ACCEPTED)
    bench.generation = GenerationPolicy(reuse_duplicates=True)
    bench.generator = FailingGenerator()
    again = bench.run(bench.pull("b").key, ACCEPTED)
    assert again.state is TaskState.ACCEPTED
    assert bench.generator.calls == 0
    assert again.generation is not None
    assert again.generation.reused_from == first.key
    assert bench.network.submitted[0][2] == bench.network.submitted[1][2]


def test_a_prompt_seen_before_the_window_is_generated_again(bench: Bench) -> None:
    bench.run(bench.pull("a").key, ACCEPTED)
    bench.clock.advance(timedelta(hours=25).total_seconds())
    assert bench.run(bench.pull("b").key, ACCEPTED).state is TaskState.ACCEPTED


def test_duplicate_from_other_validator_is_not_skipped(bench: Bench) -> None:
    bench.run(bench.pull("a").key, ACCEPTED)
    other = a_validator(2)
    bench.store.validators.save([ONE, other], bench.clock.now())
    key = bench.store.arrivals.record(
        a_pulled_task("b"), validator=other, miner_hotkey=MINER, now=bench.clock.now(), session_id=None
    ).task.key
    assert bench.run(key, ACCEPTED).state is TaskState.ACCEPTED


def test_a_prompt_whose_earlier_attempt_failed_is_not_a_duplicate(bench: Bench) -> None:
    assert bench.run(bench.pull("a").key, REJECTED).state is TaskState.REJECTED
    assert bench.run(bench.pull("b").key, ACCEPTED).state is TaskState.ACCEPTED


def test_a_passing_failure_of_the_generator_is_retried(bench: Bench) -> None:
    bench.generator = FailingGenerator(GenerationError("busy", is_transient=True))
    assert bench.run(bench.pull().key, ACCEPTED).state is TaskState.ACCEPTED
    assert bench.generator.calls == 2


@pytest.mark.parametrize(
    ("failures", "calls"),
    [
        ([UnclearFaultError("no model")], 1),
        ([GenerationError("busy", is_transient=True)] * 3, 3),
    ],
)
def test_a_prompt_that_fails_where_others_have_models_is_handed_back(
    bench: Bench, failures: list[GenerationError], calls: int
) -> None:
    assert bench.run(bench.pull("before", "a green cup").key, ACCEPTED).state is TaskState.ACCEPTED
    bench.generator = FailingGenerator(*failures)
    done = bench.run(bench.pull().key, HANDED_BACK)
    assert done.state is TaskState.HANDED_BACK
    assert (done.reason or "").startswith("generation_failed")
    assert bench.generator.calls == calls


def test_a_collapsed_model_costs_one_more_candidate_and_not_the_task(bench: Bench) -> None:
    bench.is_validating = False  # nobody else would notice
    bench.generator = CollapsingGenerator(1)
    done = bench.run(bench.pull().key, ACCEPTED)
    assert done.state is TaskState.ACCEPTED
    assert done.generation is not None
    first, second = bench.generator.seeds
    assert done.generation.seed == second != first


@pytest.mark.parametrize("is_validating", [False, True])
def test_a_collapsed_model_is_never_submitted(bench: Bench, is_validating: bool) -> None:
    bench.is_validating, bench.validator = is_validating, FixedValidator(None)
    bench.generator = CollapsingGenerator(99)
    done = bench.run(bench.pull().key, HANDED_BACK)
    assert done.state is TaskState.HANDED_BACK
    assert (done.reason or "").startswith("invalid_model")
    assert len(set(bench.generator.seeds)) == 3
    assert bench.network.submitted == [("a", SubmissionKind.HAND_BACK, b"")]


def test_the_slot_is_free_after_a_failed_generation(bench: Bench) -> None:
    bench.generator = FailingGenerator(PromptRefusedError("shows nothing"))
    bench.run(bench.pull("a").key, HANDED_BACK)
    assert bench.run(bench.pull("b", "a blue boat").key, ACCEPTED).state is TaskState.ACCEPTED


@pytest.mark.parametrize(("score", "min_score"), [(0.59, 0.0), (0.69, 0.7)])
def test_a_model_under_the_gate_is_handed_back_with_the_reason(
    bench: Bench, score: float, min_score: float
) -> None:
    bench.validator, bench.min_score = FixedValidator(score), min_score
    done = bench.run(bench.pull().key, HANDED_BACK)
    assert done.state is TaskState.HANDED_BACK
    assert f"{score:.4f} <" in (done.reason or "")
    assert bench.network.submitted == [("a", SubmissionKind.HAND_BACK, b"")]


def test_without_validation_a_model_is_submitted_unseen(bench: Bench) -> None:
    bench.is_validating, bench.validator = False, FixedValidator(0.0)
    done = bench.run(bench.pull().key, ACCEPTED)
    assert (done.state, done.verdict) == (TaskState.ACCEPTED, None)


def test_a_local_validator_that_is_down_does_not_stop_the_result(bench: Bench) -> None:
    bench.validator = FixedValidator(None)
    done = bench.run(bench.pull().key, ACCEPTED)
    assert (done.state, done.verdict) == (TaskState.ACCEPTED, None)


def test_without_submission_the_result_is_kept_and_no_validator_called(bench: Bench) -> None:
    bench.is_submitting = False
    assert bench.run(bench.pull().key).state is TaskState.KEPT
    assert bench.network.submitted == []


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (SubmissionOutcome.REJECTED, TaskState.REJECTED),
        (SubmissionOutcome.STILL_ASSIGNED, TaskState.UNSETTLED),
        (SubmissionOutcome.NOT_ASSIGNED, TaskState.FAILED),
        (SubmissionOutcome.REFUSED, TaskState.FAILED),
        (SubmissionOutcome.SCORING_UNAVAILABLE, TaskState.FAILED),
        (SubmissionOutcome.ANSWER_LOST, TaskState.ANSWER_UNKNOWN),
    ],
)
def test_each_outcome_has_its_state_and_is_sent_once(
    bench: Bench, outcome: SubmissionOutcome, state: TaskState
) -> None:
    done = bench.run(bench.pull().key, outcome)
    assert done.state is state
    assert len(bench.network.submitted) == 1


def test_a_submission_that_never_left_is_sent_again(bench: Bench) -> None:
    not_sent = SubmissionOutcome.NOT_SENT
    assert bench.run(bench.pull().key, not_sent, not_sent, ACCEPTED).state is TaskState.ACCEPTED
    assert len(bench.network.submitted) == 3


def test_a_task_fails_when_its_validator_stays_unreachable(bench: Bench) -> None:
    done = bench.run(bench.pull().key, *[SubmissionOutcome.NOT_SENT] * MAX_SENDS)
    assert done.state is TaskState.FAILED
    assert (done.reason or "").startswith("not_sent")


def test_a_validator_that_left_the_metagraph_ends_in_failure(bench: Bench) -> None:
    key = bench.pull().key
    bench.store.validators.save([], bench.clock.now())
    done = bench.run(key)
    assert (done.state, bench.network.submitted) == (TaskState.FAILED, [])
    assert "metagraph" in (done.reason or "")


def test_a_403_after_a_lost_answer_says_that_it_may_have_been_accepted(bench: Bench) -> None:
    key = bench.pull().key
    assert bench.run(key, LOST).state is TaskState.ANSWER_UNKNOWN
    bench.store.arrivals.reopen(key)
    assert bench.run(key, SubmissionOutcome.NOT_ASSIGNED).state is TaskState.ANSWER_UNKNOWN


def test_the_state_is_submitting_while_the_validator_answers(bench: Bench) -> None:
    key = bench.pull().key
    seen: list[TaskState] = []
    bench.network.before_answer = lambda: seen.append(bench.store.tasks.get(key).state)
    bench.run(key, ACCEPTED)
    assert seen == [TaskState.SUBMITTING]


def test_two_runs_of_one_task_do_its_work_once(bench: Bench) -> None:
    key = bench.pull().key
    bench.generate(key, "first")
    assert bench.generate(key, "second") is None
    assert bench.validate(key, "second") is None
    assert bench.submit(key, "second") is None


def test_a_run_that_lost_its_task_cannot_move_it(bench: Bench) -> None:
    """A worker that slept through its lease finds that another has taken over."""
    key = bench.pull().key

    def oversleep() -> None:
        let_leases_end(bench.store, bench.clock)
        bench.store.claims.claim(
            key, "other", now=bench.clock.now(), until=bench.clock.now() + timedelta(seconds=30)
        )

    bench.generator = _Interrupted(oversleep)
    with pytest.raises(ClaimLostError):
        bench.generate(key, "sleeper")
    assert bench.store.tasks.get(key).run_id == "other"


class _Interrupted(EmbeddedGenerator):
    def __init__(self, interrupt: Callable[[], None]) -> None:
        super().__init__()
        self.interrupt = interrupt

    def generate(self, prompt: str, *, kind: TaskKind, seed: int, endpoint: str, **_: Any) -> GaussianSplats:
        self.interrupt()
        return super().generate(prompt, kind=kind, seed=seed, endpoint=endpoint)


def test_a_model_that_vanished_is_made_anew(bench: Bench) -> None:
    key = bench.pull().key
    generated = bench.generate(key)
    assert generated is not None
    assert generated.generation is not None
    bench.files.delete(generated.generation.spz.path)
    validated = bench.validate(key)
    assert validated is not None
    assert validated.state is TaskState.PULLED
    assert bench.run(key, ACCEPTED).state is TaskState.ACCEPTED


def test_a_task_that_the_backend_takes_no_prompts_of_is_handed_back_as_unsupported(bench: Bench) -> None:
    bench.generator = FailingGenerator(UnsupportedPromptError("no pictures"))
    done = bench.run(bench.pull().key, HANDED_BACK)
    assert done.reason == "unsupported_task: no pictures"


def test_a_generated_model_has_a_picture_that_is_drawn_once(bench: Bench) -> None:
    task = bench.run(bench.pull().key, ACCEPTED)
    preview = PreviewStep(bench.files, webp_preview)
    picture = preview.run(task)
    assert picture is not None
    assert picture[8:12] == b"WEBP"
    assert PreviewStep(bench.files, lambda _: b"drawn again").run(task) == picture


def test_a_task_without_a_model_has_no_picture(bench: Bench) -> None:
    assert PreviewStep(bench.files, webp_preview).run(bench.pull()) is None


def test_another_miners_task_is_not_signed_for(bench: Bench) -> None:
    """Validators would call it a wrong signature: 900 s of cooldown."""
    task = bench.pull()
    bench.generate(task.key)
    bench.validate(task.key)
    bench.network.miner_hotkey = "5Another"
    with pytest.raises(WrongHotkeyError, match="5Another"):
        bench.submit(task.key)
    assert bench.network.submitted == []
    bench.network.miner_hotkey = MINER
    bench.network.answers = [an_answer(SubmissionOutcome.ACCEPTED)]
    done = bench.submit(task.key, "run of the right miner")
    assert done is not None
    assert done.state is TaskState.ACCEPTED


def test_a_hand_back_keeps_its_reason_and_has_no_fidelity_whatever_the_validator_says(bench: Bench) -> None:
    bench.validator = FixedValidator(0.1)
    task = bench.pull()
    bench.network.answers = [
        an_answer(SubmissionOutcome.HANDED_BACK, feedback=a_feedback(0.95)),
    ]
    done = bench.run(task.key)
    assert done.state is TaskState.HANDED_BACK
    assert (done.reason or "").startswith("below_validator_threshold")
    assert done.feedback is not None
    assert done.feedback.task_fidelity_score is None
    (counters,) = bench.store.statistics.validator_counters()
    assert (counters.total_handed_back, counters.total_successful_submissions) == (1, 0)


def test_a_hand_back_that_is_refused_as_not_assigned_after_a_lost_answer_is_handed_back(
    bench: Bench,
) -> None:
    bench.validator = FixedValidator(0.1)
    task = bench.pull()
    assert bench.run(task.key, SubmissionOutcome.ANSWER_LOST).state is TaskState.ANSWER_UNKNOWN
    bench.store.arrivals.reopen(task.key)
    done = bench.run(task.key, SubmissionOutcome.NOT_ASSIGNED)
    assert done.state is TaskState.HANDED_BACK
    assert "below_validator_threshold" in (done.reason or "")


def test_where_a_verdict_is_required_a_validator_that_restarts_is_waited_for(bench: Bench) -> None:
    bench.requires_verdict = True
    bench.validator = Restarting(4, ValidationUnavailableError)
    task = bench.pull()
    bench.generate(task.key)
    validated = bench.validate(task.key)
    assert validated is not None
    assert (validated.state, validated.verdict is not None) == (TaskState.VALIDATED, True)


def test_where_a_verdict_is_required_a_model_that_cannot_be_judged_is_handed_back(bench: Bench) -> None:
    bench.requires_verdict = True
    bench.validator = FixedValidator(None)
    began = bench.clock.now()
    task = bench.pull()
    bench.generate(task.key)
    declined = bench.validate(task.key)
    assert declined is not None
    assert declined.state is TaskState.DECLINED
    assert declined.reason == "no_verdict: local validation unavailable: down"
    assert timedelta(seconds=60) < bench.clock.now() - began < timedelta(minutes=3)


@pytest.mark.parametrize(("required", "state"), [(False, TaskState.VALIDATED), (True, TaskState.DECLINED)])
def test_a_model_that_is_too_costly_to_judge_is_judged_once_and_goes_unjudged_where_it_may(
    bench: Bench, required: bool, state: TaskState
) -> None:
    bench.requires_verdict = required
    bench.validator = validator = Restarting(9, TooCostlyToJudgeError)
    task = bench.pull()
    bench.generate(task.key)
    after = bench.validate(task.key)
    assert after is not None
    assert (after.state, validator.asked) == (state, 1)
