"""A subnet of full size, every validator with a task: how long until the miner has asked them all."""

import tempfile
import time
from pathlib import Path

from orchestration.arena import Conditions, arena, wait_until
from orchestration.subjects import project

VALIDATORS = 256
ANSWER_S = 1.0
TIMEOUT_S = 300.0
# Room for a task of each, so that nothing but the asking takes time.
SETTINGS = {"TRELLIS_MAX_WAITING_TASKS": str(VALIDATORS)}


def main(folder: Path | None = None, validators: int = VALIDATORS) -> list[dict[str, float | str]]:
    """Seconds from the first answer to the last one of the first round, by the validators' log."""
    with tempfile.TemporaryDirectory() as temporary:
        place = (folder or Path(temporary)) / "polling"
        conditions = Conditions(service_s=1.0, validators=validators, pull_delay_s=ANSWER_S)
        with arena(place, conditions) as around:
            began = time.time()
            with project(around, SETTINGS):
                wait_until(lambda: len(around.tasks()) >= validators, "a task of each", TIMEOUT_S)
            asked = sorted(task.assigned for task in around.tasks())[:validators]
    return [
        {
            "validators": str(validators),
            "first_asked_s": asked[0] - ANSWER_S - began,
            "half_asked_s": asked[validators // 2] - asked[0] + ANSWER_S,
            "all_asked_s": asked[-1] - asked[0] + ANSWER_S,
        }
    ]
