"""The columns of tasks, in the order in which reports have them.

To add a field of `Feedback` (or `Generation`, `Verdict`, `Submission`): add it here, to the dataclass, to
`TaskRow` and in a migration. Store, reports, gallery, run metadata and Dagster's schema take it from here.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from types import MappingProxyType

from trellis_assets.domain.columns.column import Column, Part, by_name
from trellis_assets.domain.submissions import SubmissionKind

_TASK = partial(Column, part=Part.TASK)
_GENERATION = partial(Column, part=Part.GENERATION)
_VERDICT = partial(Column, part=Part.VERDICT)
_SUBMISSION = partial(Column, part=Part.SUBMISSION)
_FEEDBACK = partial(Column, part=Part.FEEDBACK)
NO_PARTS: Mapping[str, float] = MappingProxyType({})


def _file(name: str, what: str) -> Iterable[Column]:
    """Return the columns of a stored file of the generation; its path alone may be in the report."""
    is_model = name == "spz"
    yield _GENERATION(
        f"{name}_path",
        str,
        f"path of {what}, below the data folder",
        field=f"{name}.path",
        in_report=is_model,
        run_metadata="spz_file" if is_model else None,
    )
    yield _GENERATION(
        f"{name}_size",
        int,
        f"bytes of {what}",
        field=f"{name}.size",
        in_report=is_model,
        label="size" if is_model else None,
        show=lambda size: f"{size / 1024:,.0f} KiB",
        run_metadata="spz_bytes" if is_model else None,
    )
    yield _GENERATION(
        f"{name}_sha256",
        str,
        f"SHA-256 of {what}",
        field=f"{name}.sha256",
        in_report=False,
        label="sha256" if is_model else None,
    )


TASK_COLUMNS = by_name(
    (
        _TASK("key", int, "row of the task table", field="key"),
        _TASK("task_id", str, "the validator's name for the task", field="task_id"),
        _TASK("miner_hotkey", str, "our hotkey", field="miner_hotkey"),
        _TASK("validator_uid", int, "uid of the validator; empty for default prompts", field="validator_uid"),
        _TASK("validator_hotkey", str, "hotkey of the validator", field="validator_hotkey"),
        _TASK("kind", str, "text or image", field="kind"),
        _TASK("state", str, "where the task stands", field="state"),
        _TASK("reason", str, "why it was handed back or failed", field="reason"),
        _TASK("pulled_at", datetime, "when it came in, UTC", field="pulled_at"),
        _GENERATION("generation_started_at", datetime, "when its generation began, UTC", field="started_at"),
        _GENERATION("generated_at", datetime, "when its model was stored, UTC", field="finished_at"),
        _VERDICT(
            "validation_started_at", datetime, "when it was judged, UTC", field="started_at", in_report=False
        ),
        _SUBMISSION("submitted_at", datetime, "when its submission was sent, UTC", field="started_at"),
        _TASK("finished_at", datetime, "when it reached its final state, UTC", field="finished_at"),
        _GENERATION(
            "generation_s",
            float,
            "seconds of generation",
            field="duration_s",
            unset=0.0,
            label="generated in",
            show="{:.2f} s".format,
            run_metadata="generation_seconds",
        ),
        _VERDICT("validation_s", float, "seconds of local validation", field="duration_s", unset=0.0),
        _SUBMISSION("submission_s", float, "seconds from sending to the answer", field="duration_s"),
        _GENERATION("generator", str, "backend and version", field="generator", unset="", label="generator"),
        _GENERATION(
            "endpoint",
            str,
            "generation endpoint that made the model",
            field="endpoint",
            label="endpoint",
            run_metadata="endpoint",
        ),
        _GENERATION("seed", int, "of the generation", field="seed", unset=0, label="seed"),
        _GENERATION(
            "splat_count",
            int,
            "splats of the submitted model",
            field="splat_count",
            unset=0,
            label="splats",
            show="{:,}".format,
            run_metadata="splats",
        ),
        _GENERATION("reused_from", int, "task whose file this is", field="reused_from"),
        *_file("spz", "the model as submitted"),
        *_file("ply", "the model as generated"),
        *_file("picture", "the picture that the model was made from"),
        *_file("cut", "the object cut out of that picture"),
        _VERDICT("local_validator", str, "who gave the local score", field="validator", unset=""),
        _VERDICT("local_score", float, "local score, 0 to 1", field="score", run_metadata="local_score"),
        _VERDICT(
            "local_parts",
            dict,
            "parts of the local score by name",
            field="parts",
            unset=NO_PARTS,
            write=dict,
            in_report=False,
            run_metadata="local_score_parts",
        ),
        _VERDICT(
            "failed_checks",
            list,
            "data checks that the model failed",
            field="failed_checks",
            unset=(),
            read=tuple,
            write=list,
            in_report=False,
        ),
        _TASK(
            "validation_threshold",
            float,
            "least score that the validator accepts",
            field="validation_threshold",
        ),
        _SUBMISSION(
            "submission_kind",
            str,
            "a result, or empty",
            field="kind",
            read=SubmissionKind,
            write=str,
            in_report=False,
        ),
        _SUBMISSION("submission_attempt", int, "which try", field="attempt", unset=0, in_report=False),
        _SUBMISSION("submission_outcome", str, "what the validator answered", field="outcome"),
        _SUBMISSION("submission_message", str, "its words", field="message", in_report=False),
        _FEEDBACK("feedback_at", datetime, "when it came, UTC", field="received_at", in_report=False),
        _FEEDBACK(
            "validation_failed",
            bool,
            "whether its scoring service failed",
            field="validation_failed",
            unset=False,
            in_report=False,
        ),
        _FEEDBACK(
            "task_fidelity_score",
            float,
            "the validator's score, 0 to 1; 0 for a result that it rejected",
            field="task_fidelity_score",
            label="fidelity",
            show="{:.4f}".format,
            run_metadata="fidelity",
        ),
        _FEEDBACK(
            "average_fidelity_score",
            float,
            "the validator's average of our scores",
            field="average_fidelity_score",
            label="average fidelity",
            show="{:.4f}".format,
        ),
        _FEEDBACK(
            "generations_within_the_window",
            int,
            "of ours, as the validator counts them",
            field="generations_within_the_window",
        ),
        _FEEDBACK(
            "current_duel_rating",
            float,
            "our rating with the validator",
            field="current_duel_rating",
            label="duel rating",
        ),
        _FEEDBACK(
            "current_miner_reward",
            float,
            "our reward with the validator at that moment",
            field="current_miner_reward",
            label="reward",
            show="{:,.1f}".format,
            run_metadata="reward",
        ),
        _FEEDBACK(
            "is_inferred",
            bool,
            "whether the answer was lost and follows from later feedback",
            field="is_inferred",
            unset=False,
            label="inferred from later feedback",
            show=lambda _: "yes",
        ),
        _TASK("prompt", str, "words, or the hash of a picture", field="prompt"),
    )
)


def columns_of_part(part: Part) -> list[Column]:
    """Return the columns that store a part of a task."""
    return [column for column in TASK_COLUMNS.values() if column.part is part]


# What reports, and Dagster's schema of the task table, have.
REPORTED_TASK_COLUMNS = {name: column for name, column in TASK_COLUMNS.items() if column.in_report}
