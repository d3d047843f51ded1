"""Idle validation: score older models that have no local score while no task is active."""

import logging
from dataclasses import dataclass
from datetime import datetime

from trellis_assets.domain.idle_validation import (
    IdleReport,
    JudgedCounts,
    held_back_by,
    is_validator_wanted,
)
from trellis_assets.domain.tasks import Task
from trellis_assets.observability.audit_log import audit
from trellis_assets.ports import (
    Clock,
    FileStore,
    LocalValidator,
    MissingFileError,
    StoredFileError,
    TaskRepository,
    ValidationRepository,
    ValidationUnavailableError,
)

POLL_INTERVAL_S, LONGEST_WAIT_S = 0.5, 10.0


@dataclass(frozen=True, slots=True)
class ValidateIdleStep:
    """Score the models of some hours that have no local score, unless mining needs the validator.

    Attributes:
        miner_hotkey: whose models; other miners of the same store score theirs.
        shares_validator: a validation server is used, which other miners may use too.
    """

    tasks: TaskRepository
    validations: ValidationRepository
    files: FileStore
    validator: LocalValidator
    clock: Clock
    miner_hotkey: str
    shares_validator: bool = False

    def busy_with(self) -> str | None:
        """Return which active task this would delay; None if there is none."""
        tasks = self.tasks.active(None if self.shares_validator else self.miner_hotkey)
        task = held_back_by(tasks, self.miner_hotkey, shares_validator=self.shares_validator)
        return f"task {task.key} is {task.state}" if task else None

    def candidates(self, start: datetime, end: datetime) -> dict[int, datetime]:
        """Return when each task without a score was generated, by key, in start..end (excluded)."""
        return self.validations.unjudged(self.miner_hotkey, start, end)

    def counts(self, start: datetime, end: datetime) -> JudgedCounts:
        """Return how the miner's models of these hours stand."""
        return self.validations.judged_counts(self.miner_hotkey, start, end)

    def run(self, start: datetime, end: datetime, *, beside_mining: bool = False) -> IdleReport:
        """Score each file of these hours that has no score.

        Another run scores only what still has none: nothing is scored twice.

        Args:
            start: of the hours.
            end: of the hours, excluded.
            beside_mining: continue while tasks are active, which use the validator first; else stop as soon
                as one is.
        """
        report = IdleReport()
        keys = list(self.candidates(start, end))
        for position, key in enumerate(keys):
            if beside_mining:
                self._let_tasks_go_first()
            elif (work := self.busy_with()) is not None:
                report.interrupted_by = work
                report.left = keys[position:]
                break
            self._judge(self.tasks.get(key), report)
        audit(
            "idle validation",
            level=logging.INFO if not report.left_out else logging.WARNING,
            scored=len(report.scored),
            left_out=report.left_out,
            reason=report.interrupted_by,
        )
        return report

    def _let_tasks_go_first(self) -> None:
        """Wait while a mining run needs the validator, at most 10 s: a backfill must come to its end."""
        waited_s = 0.0
        while waited_s < LONGEST_WAIT_S and is_validator_wanted(
            self.tasks.active(None if self.shares_validator else self.miner_hotkey),
            self.miner_hotkey,
            shares_validator=self.shares_validator,
        ):
            self.clock.sleep(POLL_INTERVAL_S)
            waited_s += POLL_INTERVAL_S

    def _judge(self, task: Task, report: IdleReport) -> None:
        if task.generation is None:
            return
        try:
            spz = self.files.read(task.generation.spz)
            verdict = self.validator.validate(spz, prompt=task.prompt, kind=task.kind)
        except MissingFileError:
            report.missing.append(task.key)
        except StoredFileError:
            report.changed.append(task.key)
        except ValidationUnavailableError as error:
            audit("not validated", task=task, level=logging.WARNING, reason=str(error))
            report.unavailable.append(task.key)
        else:
            if self.validations.record_idle(task.key, verdict):
                report.scored[task.key] = verdict.score
