"""Consistency checks: what must hold of the task table, and which tasks fail it."""

from dataclasses import dataclass
from datetime import timedelta

from trellis_assets.domain.consistency import LONGEST_TASK, CheckOutcome, judge_counts, judge_drift, none_of
from trellis_assets.ports import (
    Clock,
    ConsistencyRepository,
    FileStore,
    StatisticsRepository,
    StoredFileError,
)

# Reading all files of weeks takes minutes; what breaks, breaks for the newest too.
CHECKED_FILES = 200
RECENT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class CheckConsistencyStep:
    """Compare what was kept (states, files, counters, exports) with the task table."""

    consistency: ConsistencyRepository
    statistics: StatisticsRepository
    files: FileStore
    clock: Clock
    duplicate_window: timedelta

    def no_task_is_stuck(self) -> CheckOutcome:
        """Check that every task of an hour ago or earlier has its final state, or a live run."""
        now = self.clock.now()
        rows = self.consistency.stuck_tasks(now - LONGEST_TASK)
        return none_of(
            rows, sum(self.statistics.count_by_state().values()), "stand still without a final state"
        )

    def files_match(self) -> CheckOutcome:
        """Check that the newest model files exist and are what was stored."""
        broken = []
        files = self.consistency.model_files(CHECKED_FILES)
        for key, file in files:
            try:
                self.files.read(file)
            except StoredFileError:
                broken.append(key)
        return none_of(broken, len(files), "have a model file that is missing or changed")

    def no_duplicate_was_generated(self) -> CheckOutcome:
        """Check that no validator's prompt was generated twice within the duplicate window."""
        since = self.clock.now() - self.duplicate_window
        rows = self.consistency.generated_twice(since, self.duplicate_window)
        return none_of(rows, self.consistency.count_since(since), "repeat a prompt that was generated before")

    def submissions_have_feedback(self) -> CheckOutcome:
        """Check that every submission that was accepted in the last day has its feedback."""
        since = self.clock.now() - RECENT
        rows = self.consistency.without_feedback(since)
        return none_of(rows, self.consistency.count_since(since), "were accepted without feedback")

    def scores_do_not_drift(self) -> CheckOutcome:
        """Check that local scores of the last day lie near validators'."""
        return judge_drift(self.consistency.scored_pairs(self.clock.now() - RECENT))

    def statistics_agree(self) -> CheckOutcome:
        """Check that validators' counters and the last exported statistics agree with the task table."""
        return judge_counts([*self.consistency.counters_and_rows(), *self.consistency.snapshot_and_rows()])
