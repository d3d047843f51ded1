"""Tags by which runs are filtered: each outcome is told at a glance, with its kind of reason."""

import pytest

from trellis_assets.domain.tasks import TaskKind, TaskState
from trellis_assets.orchestration.run_tags import tags_at_end, tags_at_start
from trellis_assets.testing.fakes import a_feedback, a_generation, a_task, a_verdict


def test_a_run_that_begins_is_found_by_validator_and_kind_of_prompt() -> None:
    tags = tags_at_start(a_task(kind=TaskKind.TEXT))
    assert tags["trellis/kind"] == "text"
    assert tags["trellis/validator_uid"] == str(a_task().validator_uid)


def test_an_accepted_result_is_tagged_with_its_scores_and_endpoint() -> None:
    task = a_task(
        state=TaskState.ACCEPTED,
        generation=a_generation(endpoint="http://gpu:8096"),
        verdict=a_verdict(0.7312),
        feedback=a_feedback(0.81),
    )
    assert tags_at_end(task) == {
        "trellis/outcome": "accepted",
        "trellis/local_score": "0.73",
        "trellis/fidelity": "0.81",
        "trellis/endpoint": "http://gpu:8096",
    }


@pytest.mark.parametrize(
    ("state", "reason", "tagged"),
    [
        (TaskState.HANDED_BACK, "below_min_score: 0.31 under 0.60", "below_min_score"),
        (TaskState.REJECTED, "score under the threshold", "score under the threshold"),
        (TaskState.FAILED, "generation_failed: <script>", "generation_failed"),
    ],
)
def test_tasks_that_were_not_accepted_are_told_apart_by_outcome_and_kind_of_reason(
    state: TaskState, reason: str, tagged: str
) -> None:
    tags = tags_at_end(a_task(state=state, reason=reason))
    assert (tags["trellis/outcome"], tags["trellis/reason"]) == (str(state), tagged)
    assert "trellis/fidelity" not in tags
