"""Validate idle: models without a local score get one while nothing is mined."""

import logging
from dataclasses import dataclass
from datetime import datetime

from trellis_assets.audit import audit
from trellis_assets.domain.idle_validation import IdleReport, held_back_by
from trellis_assets.domain.tasks import Task
from trellis_assets.ports import (
    FileStore,
    LocalValidator,
    MissingFileError,
    StoredFileError,
    TaskStore,
    ValidationUnavailableError,
)


@dataclass(frozen=True, slots=True)
class ValidateIdleStep:
    """The step with what it works on.

    Attributes:
        miner_hotkey: whose models; other miners of the same store judge theirs.
        shares_validator: a server judges, which other miners may ask too.
    """

    store: TaskStore
    files: FileStore
    validator: LocalValidator
    miner_hotkey: str
    shares_validator: bool = False

    def busy_with(self) -> str | None:
        """What is being mined that this would delay; None when there is nothing."""
        tasks = self.store.in_hand(None if self.shares_validator else self.miner_hotkey)
        task = held_back_by(tasks, self.miner_hotkey, shares_validator=self.shares_validator)
        return f"task {task.key} is {task.state}" if task else None

    def candidates(self, start: datetime, end: datetime) -> dict[int, datetime]:
        """The miner's tasks generated in start..end (excluded) whose file has no score, and when each was."""
        return self.store.unjudged(self.miner_hotkey, start, end)

    def run(self, start: datetime, end: datetime) -> IdleReport:
        """Files of these hours have a score; it stops at once where new work came in.

        Running it again scores only what is still without: nothing is scored twice.
        """
        report = IdleReport()
        keys = list(self.candidates(start, end))
        for position, key in enumerate(keys):
            if (work := self.busy_with()) is not None:
                report.interrupted_by = work
                report.left = keys[position:]
                break
            self._judge(self.store.task(key), report)
        audit(
            "idle validation",
            level=logging.INFO if not report.left_out else logging.WARNING,
            scored=len(report.scored),
            left_out=report.left_out,
            reason=report.interrupted_by,
        )
        return report

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
            if self.store.record_idle_verdict(task.key, verdict):
                report.scored[task.key] = verdict.score
