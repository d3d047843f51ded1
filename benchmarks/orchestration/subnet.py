"""The validators of a benchmark, in a process of their own: real Axons that always have a new task.

Rules are the subnet's with every wait at zero; submissions are accepted without looking at them, so that
the validators cost as little of the machine as they can.
"""

import argparse
import signal
import threading
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from trellis_assets.adapters.local_subnet.rules import Rules
from trellis_assets.adapters.local_subnet.subnet import SubnetConfig, run_subnet
from trellis_assets.adapters.local_subnet.validator import Faults
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.domain.verdicts import Verdict

NO_WAITS = Rules(throttle_s=0, cooldown_s=0, penalty_s=0, lock_s=0)
SCORE = 0.8


@dataclass
class NewPrompts:
    """Prompts of which no two are the same, except every `same_every`-th, which is always one."""

    uid: int
    same_every: int = 0
    given: int = 0

    def next_task(self) -> dict[str, str]:
        """Return a task as it goes on the wire."""
        self.given += 1
        number = 0 if self.same_every and self.given % self.same_every == 0 else self.given
        prompt = f"a glazed ceramic vase, number {number} of validator {self.uid}"
        return {"type": "text", "id": str(uuid.uuid4()), "prompt": prompt}


class AcceptsAll:
    """A scorer that accepts everything unseen."""

    name = "accepts all"

    def validate(self, spz: bytes, *, prompt: str, kind: TaskKind) -> Verdict:  # noqa: ARG002 - the port's
        """Return the same good score for everything."""
        return Verdict(validator=self.name, score=SCORE, started_at=datetime.now(UTC), duration_s=0.0)

    def problem(self) -> None:
        """Return None: it can always judge."""


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--registered", required=True, action="append", help="a miner's hotkey")
    parser.add_argument("--address", default="127.0.0.1", help="that the validators serve on")
    parser.add_argument("--validators", type=int, default=8)
    parser.add_argument("--pull-delay-s", type=float, default=0.0)
    parser.add_argument("--submit-delay-s", type=float, default=0.0)
    parser.add_argument("--hanging", type=int, default=0, help="validators that do not answer submissions")
    parser.add_argument("--same-every", type=int, default=0)
    given = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    config = SubnetConfig(
        folder=given.folder,
        registered=frozenset(given.registered),
        address=given.address,
        validators=given.validators,
        rules=NO_WAITS,
        faults=Faults(pull_delay_s=given.pull_delay_s, submit_delay_s=given.submit_delay_s),
        hanging=given.hanging,
        tasks=lambda uid: NewPrompts(uid, given.same_every),
    )
    run_subnet(config, AcceptsAll, stop)


if __name__ == "__main__":
    main()
