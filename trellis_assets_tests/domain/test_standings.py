"""Standings: which are kept, and how fast they change."""

from trellis_assets.domain.standings import kept_standings, standing_per_hour


def test_standings_of_the_last_hour_are_kept_and_the_one_before() -> None:
    kept: list[list[float]] = []
    for minutes in range(0, 300, 10):
        kept = kept_standings(kept, at_s=minutes * 60.0, standing=float(minutes))
    assert [pair[1] for pair in kept] == [230.0, 240.0, 250.0, 260.0, 270.0, 280.0, 290.0]
    assert standing_per_hour([(0.0, 5.0)]) is None


def test_no_rate_is_told_of_the_first_minutes() -> None:
    assert standing_per_hour([(0.0, 0.0), (840.0, 1500.0)]) is None
    assert standing_per_hour([(0.0, 0.0), (900.0, 1500.0)]) == 6000.0
