"""The questions that are timed can be asked, and are answered with what the store was filled with."""

import queries


def test_every_question_is_asked_and_timed() -> None:
    rows = queries.main(tasks=200, times=3)
    assert {str(row["times"]) for row in rows} == {"3"}
    assert all(0 < float(row["p50_ms"]) <= float(row["p99_ms"]) for row in rows)
