"""What the logs of a cluster say so far."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.logs import ENDED, TaskLifecycle, read_lines, task_lifecycles


@dataclass(frozen=True, slots=True)
class Cluster:
    """The folders and logs of a running cluster.

    Attributes:
        hotkeys: of the miners, by name.
    """

    folder: Path
    hotkeys: Mapping[str, str]

    def decisions(self) -> list[dict[str, Any]]:
        """Return what the validators decided so far."""
        return read_lines(self.folder / "subnet" / "validators.jsonl")

    def accepted(self) -> Counter[str]:
        """Return how many results validators accepted so far, by the miner's name."""
        names = {hotkey: name for name, hotkey in self.hotkeys.items()}
        return Counter(names[d["miner_hotkey"]] for d in self.decisions() if d["event"] == "accepted")

    def answered_twice(self) -> int:
        """Return the tasks that were answered more than once."""
        answers = Counter(d["task_id"] for d in self.decisions() if d["event"] in ENDED)
        return sum(count > 1 for count in answers.values())

    def tasks(self) -> list[TaskLifecycle]:
        """Return the lifecycles of all tasks so far."""
        logs = sorted(self.folder.glob("endpoint-*.jsonl"))
        return task_lifecycles(self.decisions(), [line for log in logs for line in read_lines(log)])


def wait_accepted(around: Cluster, wanted: int, timeout_s: float, *, each: int = 0) -> None:
    """Wait until validators have accepted so many results, and so many of each miner.

    Raises:
        TimeoutError: they have not, in this time.
    """
    deadline = time.monotonic() + timeout_s
    while (taken := around.accepted()).total() < wanted or min(taken[name] for name in around.hotkeys) < each:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{dict(taken)} results after {timeout_s:.0f} s: see {around.folder}")
        time.sleep(1.0)  # the logs tell when it was: looking costs what is measured
