"""From the embedded validator's own score to what validators gave for models like that."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from trellis_assets.domain.tasks import TaskState
from trellis_assets.ports import Store
from trellis_assets.system.atomic_write import write_atomically

# With fewer answers a fit says more about chance than about validators.
LEAST_ANSWERS = 30
# Older answers are of an older generator.
MOST_ANSWERS = 2000
# The verdict's part that is fitted: the embedded score before any calibration.
RAW = "uncalibrated"
# How much a fit must gain for each step away from "as it is".
_PULL_TO_IDENTITY = 0.01
_EDGE = 1e-4
_MAX_FILE_BYTES = 10_000
# Beyond this every score would be 0 or 1.
_MOST = 1_000.0


class CalibrationError(ValueError):
    """The calibration cannot be made or read; says what to do."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One model that validators answered.

    Attributes:
        raw: the embedded score before calibration, 0 to 1.
        fidelity: the validator's score; None when it was under `threshold`, since it is not told.
    """

    raw: float
    fidelity: float | None
    threshold: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """score = sigmoid(shift + stretch * logit(raw)); monotone, so that it never changes an order.

    Attributes:
        answers: how many it was fitted to.
    """

    shift: float = 0.0
    stretch: float = 1.0
    answers: int = 0

    def apply(self, raw: float) -> float:
        """Return the calibrated score, 0 to 1."""
        if self.shift == 0 and self.stretch == 1:
            return raw
        clipped = min(max(raw, _EDGE), 1 - _EDGE)
        return float(1 / (1 + np.exp(-(self.shift + self.stretch * np.log(clipped / (1 - clipped))))))


UNCALIBRATED = Calibration()


def answers_in(store: Store) -> list[Answered]:
    """Return the validators' answers to the newest models that have an embedded score."""
    answers = []
    states = {TaskState.ACCEPTED, TaskState.REJECTED}
    for task in store.tasks.in_states(states, limit=MOST_ANSWERS, newest_first=True):
        raw = task.verdict.parts.get(RAW) if task.verdict else None
        # An inferred score is not as exact as a measured one.
        if raw is None or task.feedback is None or task.feedback.is_inferred:
            continue
        accepted = task.state is TaskState.ACCEPTED
        fidelity = task.feedback.task_fidelity_score if accepted else None
        answers.append(Answered(raw, fidelity, task.validation_threshold))
    return answers


def fit(answers: Sequence[Answered]) -> Calibration:
    """Return the calibration of least squared error; a rejected model errs by its excess over the threshold.

    Raises:
        CalibrationError: fewer than `LEAST_ANSWERS` answers.
    """
    from scipy.optimize import minimize

    if len(answers) < LEAST_ANSWERS:
        raise CalibrationError(
            f"there are {len(answers)} validated and answered models, {LEAST_ANSWERS} are needed: mine on"
        )

    def loss(values: np.ndarray) -> float:
        trial = Calibration(float(values[0]), float(np.exp(values[1])))
        return mean_squared_error(trial, answers) + _PULL_TO_IDENTITY / len(answers) * float(values @ values)

    found = minimize(loss, np.zeros(2), method="Nelder-Mead")
    return Calibration(float(found.x[0]), float(np.exp(found.x[1])), len(answers))


def mean_squared_error(calibration: Calibration, answers: Sequence[Answered]) -> float:
    """Return the mean squared difference of calibrated scores and validators' answers."""
    errors = []
    for answer in answers:
        score = calibration.apply(answer.raw)
        errors.append(
            max(0.0, score - answer.threshold) if answer.fidelity is None else score - answer.fidelity
        )
    return float(np.mean(np.square(errors)))


def save(calibration: Calibration, path: Path) -> None:
    """Write the calibration to the file, in place of an earlier one."""
    write_atomically(path, json.dumps(asdict(calibration)) + "\n")


def load(path: Path) -> Calibration:
    """Return the calibration in the file; none if there is no file.

    Raises:
        CalibrationError: the file is not a calibration.
    """
    if not path.exists():
        return UNCALIBRATED
    try:
        with path.open("rb") as file:
            # One that is cut is no JSON any more.
            fields = json.loads(file.read(_MAX_FILE_BYTES))
        loaded = Calibration(float(fields["shift"]), float(fields["stretch"]), int(fields["answers"]))
    except (ValueError, TypeError, KeyError, OSError, OverflowError, RecursionError) as error:
        text = f"{path} is no calibration ({type(error).__name__}): delete it or calibrate anew"
        raise CalibrationError(text) from error
    # False for NaN too.
    if not (abs(loaded.shift) <= _MOST and 0 < loaded.stretch <= _MOST and loaded.answers >= 0):
        raise CalibrationError(f"{path} holds numbers out of range: delete it or calibrate anew")
    return loaded
