"""Totals over sets of tasks."""

from trellis_assets.domain.statistics import Totals, sum_of


def test_sums_are_over_every_part() -> None:
    assert sum_of([Totals(tasks_pulled=1, total_fidelity=0.5), Totals(tasks_pulled=2)]) == Totals(
        tasks_pulled=3, total_fidelity=0.5
    )
    assert sum_of([]) == Totals()
