"""Judge a model with the local validator, and wait for one that restarts."""

from dataclasses import dataclass

from trellis_assets.domain.backoff import BackoffPolicy, retry
from trellis_assets.domain.tasks import Task
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.ports import (
    Clock,
    LocalValidator,
    TooCostlyToJudgeError,
    ValidationUnavailableError,
)

TRIES, BACKOFF = 2, BackoffPolicy.of_seconds(1, jitter=0.0)
# Where no model is submitted without a verdict, a validator that restarts is waited for: two minutes in all.
REQUIRED_TRIES, REQUIRED_BACKOFF = 6, BackoffPolicy.of_seconds(1, 5, 15, 30, 60, jitter=0.0)


@dataclass(frozen=True, slots=True)
class JudgeModelStep:
    """Give a model its local verdict.

    Attributes:
        requires_verdict: try for two minutes, since no model is submitted without a verdict.
    """

    validator: LocalValidator
    clock: Clock
    requires_verdict: bool = False

    def run(self, task: Task, spz: bytes) -> tuple[Verdict | None, str | None]:
        """Return the local verdict, or why there is none."""

        def validate() -> Verdict | TooCostlyToJudgeError:
            try:
                return self.validator.validate(spz, prompt=task.prompt, kind=task.kind)
            except TooCostlyToJudgeError as error:
                return error  # another try would cost as much

        try:
            verdict = retry(
                validate,
                on=ValidationUnavailableError,
                policy=REQUIRED_BACKOFF if self.requires_verdict else BACKOFF,
                tries=REQUIRED_TRIES if self.requires_verdict else TRIES,
                sleep=self.clock.sleep,
            )
        except ValidationUnavailableError as error:
            return None, f"local validation unavailable: {error}"
        if isinstance(verdict, TooCostlyToJudgeError):
            return None, f"local validation unavailable: {verdict}"
        return verdict, None
