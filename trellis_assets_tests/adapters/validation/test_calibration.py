"""Fitting the embedded score to validators' answers."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.adapters.validation.calibration import (
    RAW,
    UNCALIBRATED,
    Answered,
    Calibration,
    CalibrationError,
    answers_in,
    fit,
    load,
    mean_squared_error,
    save,
)
from trellis_assets.domain.tasks import TaskState
from trellis_assets.testing.fakes import (
    MINER,
    NOW,
    a_feedback,
    a_generation,
    a_pulled_task,
    a_validator,
    a_verdict,
)


def answers(truth: Calibration, *, threshold: float = 0.0, count: int = 200) -> list[Answered]:
    raws = np.random.default_rng(0).uniform(0.3, 0.95, count)
    given = [truth.apply(float(raw)) for raw in raws]
    return [
        Answered(float(raw), score if score >= threshold else None, threshold)
        for raw, score in zip(raws, given, strict=True)
    ]


@pytest.mark.parametrize(("shift", "stretch"), [(-1.0, 1.0), (0.8, 0.5), (-2.0, 2.5)])
def test_fit_recovers_the_calibration_that_made_the_answers(shift: float, stretch: float) -> None:
    known = answers(Calibration(shift, stretch))
    fitted = fit(known)
    assert mean_squared_error(fitted, known) ** 0.5 < 0.02 < mean_squared_error(UNCALIBRATED, known) ** 0.5


def test_rejected_models_count_although_their_score_is_unknown() -> None:
    known = answers(Calibration(-2.0, 1.0), threshold=0.6)
    assert sum(answer.fidelity is None for answer in known) > 100
    assert fit(known).apply(0.7) < 0.6


def test_a_calibration_keeps_the_order_of_models() -> None:
    scores = [Calibration(-1, 2).apply(raw) for raw in np.linspace(0, 1, 50)]
    assert scores == sorted(scores)
    assert 0 <= scores[0] < scores[-1] <= 1


def test_too_few_answers_are_refused_with_what_to_do() -> None:
    with pytest.raises(CalibrationError, match="12 validated and answered models, 30 are needed"):
        fit(answers(UNCALIBRATED, count=12))


def test_a_saved_calibration_comes_back_and_none_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "new" / "calibration.json"
    assert load(path) == UNCALIBRATED
    save(Calibration(0.5, 2.0, 99), path)
    assert load(path) == Calibration(0.5, 2.0, 99)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"shift": NaN, "stretch": 1, "answers": 3}', "\0"])
def test_a_file_that_is_no_calibration_says_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "calibration.json").write_text(text)
    with pytest.raises(CalibrationError, match=r"calibration\.json"):
        load(tmp_path / "calibration.json")


def test_answers_come_from_scored_and_answered_tasks(store: SqlStore) -> None:
    for number, (state, parts) in enumerate(
        [
            (TaskState.ACCEPTED, {RAW: 0.7}),
            (TaskState.REJECTED, {RAW: 0.4}),
            (TaskState.ACCEPTED, {"iqa": 0.5}),
        ]
    ):
        task = store.arrivals.record(
            a_pulled_task(f"task-{number}"),
            validator=a_validator(),
            miner_hotkey=MINER,
            now=NOW,
            session_id=None,
        ).task
        for step in (TaskState.GENERATING, TaskState.GENERATED, TaskState.VALIDATED, TaskState.SUBMITTING):
            store.tasks.move(
                task.key, step, now=NOW, generation=a_generation(), verdict=a_verdict(parts=parts)
            )
        store.tasks.move(task.key, state, now=NOW, feedback=a_feedback(0.8))
    assert answers_in(store) == [Answered(0.4, None, 0.6), Answered(0.7, 0.8, 0.6)]


_VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400)
_FIELDS = st.fixed_dictionaries({}, optional=dict.fromkeys(["shift", "stretch", "answers", "more"], _VALUES))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=100) | _FIELDS.map(json.dumps).map(str.encode), st.floats(0, 1))
@example(b"[" * 9_000, 0.5)
@example(b"9" * 9_000, 0.5)
@example(b" " * 20_000, 0.5)
@example(b'{"shift": 0, "stretch": 1, "answers": Infinity}', 0.5)
def test_any_file_is_a_calibration_with_scores_in_range_or_the_named_error(
    tmp_path: Path, data: bytes, raw: float
) -> None:
    path = tmp_path / "calibration.json"
    path.write_bytes(data)
    try:
        score = load(path).apply(raw)
    except CalibrationError as error:
        assert "calibrate anew" in str(error)
        return
    assert 0 <= score <= 1
