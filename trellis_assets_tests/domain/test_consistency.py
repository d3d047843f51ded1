"""What counts as a fault of the task table."""

from trellis_assets.domain.consistency import LEAST_PAIRS, Count, judge_counts, judge_drift, none_of


def test_no_rows_pass_and_rows_are_named() -> None:
    assert none_of([], 5, "are lost").passed
    finding = none_of([3, 9], 5, "are lost")
    assert (finding.passed, finding.rows, finding.text) == (False, (3, 9), "2 tasks are lost: 3, 9")


def test_many_rows_are_cut_but_counted() -> None:
    finding = none_of(range(1000), 1000, "are lost")
    assert len(finding.rows) == 100
    assert finding.text.startswith("1000 tasks are lost: 0, 1, ")


def test_scores_that_lie_near_each_other_do_not_drift() -> None:
    assert judge_drift([(key, 0.7, 0.75) for key in range(LEAST_PAIRS)]).passed


def test_scores_far_apart_drift_and_the_farthest_are_named() -> None:
    pairs = [(key, 0.9, 0.5 - key / 100) for key in range(LEAST_PAIRS)]
    finding = judge_drift(pairs)
    assert not finding.passed
    assert finding.rows[0] == LEAST_PAIRS - 1
    assert finding.figures["bias"] > 0.4


def test_a_few_scores_do_not_tell_drift() -> None:
    assert judge_drift([(1, 1.0, 0.0)]).passed


def test_a_figure_outside_its_rows_is_named() -> None:
    right, wrong = Count("tasks of a", 3, 2, 3), Count("tasks of b", 4, 2, 3)
    assert judge_counts([right]).passed
    finding = judge_counts([right, wrong])
    assert not finding.passed
    assert finding.text == "tasks of b: 4 kept, 3 in the task table"
