"""Validate idle: models without a local score get one while nothing is mined."""

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
    Store,
    StoredFileError,
    ValidationUnavailableError,
)

LOOK_EVERY_S, LONGEST_WAIT_S = 0.5, 10.0


@dataclass(frozen=True, slots=True)
class ValidateIdleStep:
    """The step with what it works on.

    Attributes:
        miner_hotkey: whose models; other miners of the same store judge theirs.
        shares_validator: a server judges, which other miners may ask too.
    """

    store: Store
    files: FileStore
    validator: LocalValidator
    clock: Clock
    miner_hotkey: str
    shares_validator: bool = False

    def busy_with(self) -> str | None:
        """What is being mined that this would delay; None when there is nothing."""
        tasks = self.store.tasks.active(None if self.shares_validator else self.miner_hotkey)
        task = held_back_by(tasks, self.miner_hotkey, shares_validator=self.shares_validator)
        return f"task {task.key} is {task.state}" if task else None

    def candidates(self, start: datetime, end: datetime) -> dict[int, datetime]:
        """The miner's tasks generated in start..end (excluded) whose file has no score, and when each was."""
        return self.store.validations.unjudged(self.miner_hotkey, start, end)

    def counts(self, start: datetime, end: datetime) -> JudgedCounts:
        """Return how the miner's models of these hours stand."""
        return self.store.validations.judged_counts(self.miner_hotkey, start, end)

    def run(self, start: datetime, end: datetime, *, beside_mining: bool = False) -> IdleReport:
        """Give a score to each file of these hours that has none.

        Running it again scores only what is still without: nothing is scored twice.

        Args:
            start: of the hours.
            end: of the hours, excluded.
            beside_mining: go on while tasks are mined, after each that wants the validator; else stop at once
                where new work came in.
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
            self._judge(self.store.tasks.get(key), report)
        audit(
            "idle validation",
            level=logging.INFO if not report.left_out else logging.WARNING,
            scored=len(report.scored),
            left_out=report.left_out,
            reason=report.interrupted_by,
        )
        return report

    def _let_tasks_go_first(self) -> None:
        """Wait while a mining run wants the validator, but not for ever: a backfill must come to its end."""
        waited_s = 0.0
        while waited_s < LONGEST_WAIT_S and is_validator_wanted(
            self.store.tasks.active(None if self.shares_validator else self.miner_hotkey),
            self.miner_hotkey,
            shares_validator=self.shares_validator,
        ):
            self.clock.sleep(LOOK_EVERY_S)
            waited_s += LOOK_EVERY_S

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
            if self.store.validations.record_idle(task.key, verdict):
                report.scored[task.key] = verdict.score
