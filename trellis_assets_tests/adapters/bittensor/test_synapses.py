"""Class and field names are the protocol: checked against recorded bodies."""

from trellis_assets.adapters.bittensor.synapses import (
    Feedback,
    GetVersion,
    ImageTask,
    PullTask,
    SubmitResults,
    TextTask,
)

# What a validator of the current generation answers to a pull, less the transport's own fields.
RECORDED_PULL = {
    "task": {"type": "text", "id": "f3a1", "prompt": "a red vase"},
    "validation_threshold": 0.6,
    "throttle_period": 30,
    "cooldown_until": 0,
    "cooldown_violations": 0,
}
RECORDED_FEEDBACK = {
    "validation_failed": False,
    "task_fidelity_score": 0.81,
    "average_fidelity_score": 0.99,
    "generations_within_the_window": 3,
    "current_duel_rating": 1512.5,
    "current_miner_reward": 4537.5,
}
TRANSPORT_FIELDS = {
    "name",
    "timeout",
    "total_size",
    "header_size",
    "dendrite",
    "axon",
    "computed_body_hash",
}


def wire_fields(model: type[PullTask | SubmitResults | GetVersion]) -> set[str]:
    return set(model.model_fields) - TRANSPORT_FIELDS


def test_synapses_have_the_protocols_names_and_fields() -> None:
    assert PullTask.__name__ == "PullTask"
    assert wire_fields(PullTask) == set(RECORDED_PULL)
    assert wire_fields(SubmitResults) == {
        *("task", "task_id", "results", "data_format", "data_ver", "compression"),
        *("submit_time", "signature", "feedback", "cooldown_until"),
    }
    assert wire_fields(GetVersion) == {"version", "validation_version"}
    assert set(Feedback.model_fields) == set(RECORDED_FEEDBACK)


def test_recorded_bodies_are_read_and_written_unchanged() -> None:
    assert PullTask(**RECORDED_PULL).model_dump(include=set(RECORDED_PULL)) == RECORDED_PULL
    assert Feedback(**RECORDED_FEEDBACK).model_dump() == RECORDED_FEEDBACK


def test_the_task_type_decides_the_model() -> None:
    assert isinstance(PullTask(task={"type": "image", "id": "a", "prompt": "b"}).task, ImageTask)
    assert isinstance(PullTask(task={"id": "a", "prompt": "b"}).task, TextTask)


def test_defaults_are_those_of_the_protocol() -> None:
    pull = PullTask()
    assert (pull.task, pull.validation_threshold, pull.throttle_period) == (None, 0.6, 0)
    submit = SubmitResults(results="", submit_time=1, signature="s")
    assert (submit.compression, submit.data_format, submit.data_ver) == (2, "ply", 0)


def test_the_task_id_is_taken_from_the_task_when_left_empty() -> None:
    submit = SubmitResults(results="", submit_time=1, signature="s", task=TextTask(id="t9", prompt="p"))
    assert submit.task_id == "t9"


def test_only_required_fields_travel_as_headers() -> None:
    headers = SubmitResults(results="r", submit_time=1, signature="s").to_headers()
    assert {h for h in headers if h.startswith("bt_header_input_obj_")} == {
        "bt_header_input_obj_results",
        "bt_header_input_obj_submit_time",
        "bt_header_input_obj_signature",
    }
    assert headers["computed_body_hash"] == (
        "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"
    )
