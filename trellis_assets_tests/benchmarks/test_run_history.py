"""A history that was lengthened is one that Dagster reads."""

import pytest
import run_history


@pytest.mark.slow
def test_runs_are_made_and_executed_over_a_history_of_copies() -> None:
    rows = run_history.main(few=4, many=40, tasks=1)
    assert [float(row["ratio"]) > 0 for row in rows] == [True] * 4
    assert "after_40_runs" in rows[0]
