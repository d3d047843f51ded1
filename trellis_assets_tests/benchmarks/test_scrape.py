"""The scrapes that are timed export what the store was filled with."""

import scrape


def test_every_scrape_is_timed_and_has_series_for_every_validator() -> None:
    rows = scrape.main(tasks=200, times=3)
    assert {str(row["times"]) for row in rows} == {"3"}
    assert all(0 < float(row["p50_own_ms"]) <= float(row["p99_own_ms"]) for row in rows)
    few, many, most = (int(row["series"]) for row in rows)
    assert few < many < most
