"""Standings: the reward level that a validator names in its feedback, and how fast it changes."""

from collections.abc import Sequence

# Standings of the last hour are kept, at most 60 of them. A rate per hour of the first
# minutes would mislead: a new miner's standing rises from 0.
STANDINGS_FOR_S, MOST_STANDINGS, LEAST_SPAN_S = 3600.0, 60, 900.0


def kept_standings(known: Sequence[Sequence[float]], *, at_s: float, standing: float) -> list[list[float]]:
    """Return the standings of the last hour, with one more; of older ones the last.

    Args:
        known: pairs of unix seconds and standing.
        at_s: when the new one came, unix seconds.
        standing: the new one.
    """
    earlier = [list(pair) for pair in known if pair[0] < at_s]
    recent = [pair for pair in earlier if pair[0] > at_s - STANDINGS_FOR_S]
    return [*earlier[: len(earlier) - len(recent)][-1:], *recent, [at_s, standing]][-MOST_STANDINGS:]


def standing_per_hour(standings: Sequence[tuple[float, float]]) -> float | None:
    """Return how fast a standing changed from the first to the last, per hour.

    None where there is no second one, or it came within a quarter of an hour of the first. From 3,000 to
    4,500 within half an hour are 3,000 an hour:

    >>> standing_per_hour([(0.0, 3000.0), (600.0, 3100.0), (1800.0, 4500.0)])
    3000.0

    Args:
        standings: pairs of unix seconds and standing, oldest first.
    """
    if len(standings) < 2 or standings[-1][0] - standings[0][0] < LEAST_SPAN_S:  # noqa: PLR2004 - a first and a last
        return None
    (since, first), (until, last) = standings[0], standings[-1]
    return (last - first) / (until - since) * 3600
