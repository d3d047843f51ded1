"""A subnet of full size without tasks: how long until the miner has polled every validator."""

import tempfile
import time
from datetime import datetime
from pathlib import Path

from orchestration.arena import Arena, Conditions, arena, wait_until
from orchestration.contenders import project
from orchestration.logs import read_lines

VALIDATORS = 256
ANSWER_S = 0.5
TIMEOUT_S = 300.0


def main(folder: Path | None = None, validators: int = VALIDATORS) -> list[dict[str, float | str]]:
    """Return the seconds from the first to the last poll of the first round, by the validators' log."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        place = (folder or Path(temporary)) / "polling"
        conditions = Conditions(
            service_s=1.0, validators=validators, pull_delay_s=ANSWER_S, knows_miner=False
        )
        with arena(place, conditions) as around:
            began = time.time()
            with project(around):
                wait_until(lambda: len(_asked(around)) >= validators, "a word with each", TIMEOUT_S)
            asked = sorted(_asked(around).values())[:validators]
    first = asked[0] - ANSWER_S
    return [
        {
            "validators": str(validators),
            "first_asked_s": first - began,
            "half_asked_s": asked[validators // 2] - first,
            "all_asked_s": asked[-1] - first,
            "one_after_another_s": validators * ANSWER_S,
        }
    ]


def _asked(around: Arena) -> dict[int, float]:
    """Return when each validator first answered, in unix seconds."""
    found: dict[int, float] = {}
    for line in read_lines(around.decisions):
        found.setdefault(line["validator_uid"], datetime.fromisoformat(line["time"]).timestamp())
    return found
