"""The reports by name: which rows they have, and what each column means."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from trellis_assets.ports import Ledger

TASK_COLUMNS = {
    "key": "row of the task table",
    "task_id": "the validator's name for the task",
    "miner_hotkey": "our hotkey",
    "validator_uid": "uid of the validator; empty for default prompts",
    "validator_hotkey": "hotkey of the validator",
    "kind": "text or image",
    "state": "where the task stands",
    "reason": "why it was handed back or failed",
    "pulled_at": "when it came in, UTC",
    "generation_started_at": "when its generation began, UTC",
    "generated_at": "when its model was stored, UTC",
    "submitted_at": "when its submission was sent, UTC",
    "finished_at": "when it reached its final state, UTC",
    "generation_s": "seconds of generation",
    "validation_s": "seconds of local validation",
    "submission_s": "seconds from sending to the answer",
    "generator": "backend and version",
    "seed": "of the generation",
    "splat_count": "splats of the submitted model",
    "reused_from": "task whose file this is",
    "spz_path": "file below the data folder",
    "spz_size": "bytes of the file",
    "local_validator": "who gave the local score",
    "local_score": "local score, 0 to 1",
    "validation_threshold": "least score that the validator accepts",
    "submission_outcome": "what the validator answered",
    "task_fidelity_score": "the validator's score, 0 to 1",
    "average_fidelity_score": "the validator's average of our scores",
    "generations_within_the_window": "of ours, as the validator counts them",
    "current_duel_rating": "our rating with the validator",
    "current_miner_reward": "our reward with the validator at that moment",
    "prompt": "words, or the hash of a picture",
}
REWARD_COLUMNS = {
    "miner_hotkey": "our hotkey",
    "validator_hotkey": "hotkey of the validator; empty for default prompts",
    "validator_uid": "uid of the validator",
    "tasks": "tasks that ended",
    "accepted": "submissions that count",
    "rejected": "submissions that do not",
    "answer_unknown": "submissions whose answer never came",
    "handed_back": "tasks returned empty on purpose",
    "failed": "tasks that could not be generated or delivered",
    "mean_fidelity": "mean score of accepted submissions, 0 to 1",
    "mean_local_score": "mean local score, 0 to 1",
    "total_rewards": "sum of the rewards that feedback named",
    "generation_s": "seconds of generation in all",
}
VALIDATOR_COLUMNS = {
    "miner_hotkey": "our hotkey",
    "hotkey": "hotkey of the validator",
    "uid": "uid of the validator",
    "stake": "in TAO",
    "is_listed": "in the last metagraph",
    "cooldown_until": "not to be asked before, UTC",
    "cooldown_violations": "pulls that the validator thinks came too early",
    "last_outcome": "of the last pull",
    "last_task_received": "when, UTC",
    "total_pulls": "times asked",
    "total_tasks_received": "tasks received",
    "total_tasks_submitted": "results submitted",
    "total_successful_submissions": "results accepted",
    "total_handed_back": "tasks returned empty",
    "average_score": "moving average of accepted scores, 0 to 1",
    "last_reward": "reward in the last feedback",
    "last_duel_rating": "rating in the last feedback",
    "success_rate": "accepted per submitted, 0 to 1",
}


@dataclass(frozen=True, slots=True)
class Report:
    """A report that can be downloaded.

    Attributes:
        columns: in their order, each with its meaning.
        pieces: its rows over a span of time, in frames of equal columns.
    """

    name: str
    title: str
    columns: dict[str, str]
    pieces: Callable[[Ledger, datetime, datetime], Iterator[pd.DataFrame]]


def _tasks(ledger: Ledger, start: datetime, end: datetime) -> Iterator[pd.DataFrame]:
    for piece in ledger.tasks(start, end):
        yield piece[list(TASK_COLUMNS)]


def _rewards(ledger: Ledger, start: datetime, end: datetime) -> Iterator[pd.DataFrame]:
    yield ledger.rewards(start, end)[list(REWARD_COLUMNS)]


def _validators(ledger: Ledger, _start: datetime, _end: datetime) -> Iterator[pd.DataFrame]:
    yield validator_table(ledger)


def validator_table(ledger: Ledger) -> pd.DataFrame:
    """The validator report: one row per miner and validator."""
    frame = ledger.validators()
    submitted = frame["total_tasks_submitted"].clip(lower=1)
    frame["success_rate"] = (frame["total_successful_submissions"] / submitted).astype("float64")
    return frame[list(VALIDATOR_COLUMNS)]


REPORTS = {
    report.name: report
    for report in (
        Report("rewards", "Rewards", REWARD_COLUMNS, _rewards),
        Report("validators", "Validators", VALIDATOR_COLUMNS, _validators),
        Report("tasks", "Tasks", TASK_COLUMNS, _tasks),
    )
}
