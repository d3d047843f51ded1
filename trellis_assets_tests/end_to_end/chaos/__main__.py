"""`python -m trellis_assets_tests.end_to_end.chaos`: the full form; exit code 1 on any violation."""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from trellis_assets_tests.end_to_end.chaos.audit import audit_run, recoveries
from trellis_assets_tests.end_to_end.chaos.evidence import Evidence
from trellis_assets_tests.end_to_end.chaos.session import Chaos, run_chaos


def main() -> int:
    """Run, audit, print, write."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--workers", type=int, default=0, help="Celery workers, over PostgreSQL and Redis")
    parser.add_argument("--out", type=Path, help="JSON result")
    parser.add_argument("--keep", type=Path, help="folder of the run, kept for a look")
    given = parser.parse_args()
    folder = given.keep or Path(tempfile.mkdtemp(prefix="trellis-chaos-"))
    started = time.monotonic()
    chaos = Chaos(tasks=given.tasks, kills=given.kills, seed=given.seed, workers=given.workers)
    evidence = run_chaos(chaos, folder, lambda line: print(f"{time.strftime('%T')} {line}", flush=True))
    summary = summarise(chaos, evidence, time.monotonic() - started)
    print(json.dumps(summary, indent=2))
    if given.out is not None:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    if summary["violations"]:
        print(f"what it left behind: {folder}", file=sys.stderr)
    return 1 if summary["violations"] else 0


def summarise(chaos: Chaos, evidence: Evidence, seconds: float) -> dict[str, Any]:
    """Return the run in figures. Too few tasks or kills are a violation, since they show nothing."""
    violations = audit_run(evidence)
    if len(evidence.kills) < chaos.kills:
        violations.append(f"only {len(evidence.kills)} of {chaos.kills} kills")
    if len(evidence.tasks) < chaos.tasks:
        violations.append(f"only {len(evidence.tasks)} of {chaos.tasks} tasks")
    times = sorted(after for _, after in recoveries(evidence.kills, evidence.trail) if after is not None)
    return {
        "seed": chaos.seed,
        "celery_workers": chaos.workers,
        "tasks": len(evidence.tasks),
        "states": dict(Counter(str(task.state) for task in evidence.tasks)),
        "taken_up_again": sum(task.attempt > 0 for task in evidence.tasks),
        "kills": dict(Counter(str(kill.role) for kill in evidence.kills)),
        "seconds_to_recover": {
            "median": round(times[len(times) // 2], 1) if times else None,
            "most": round(times[-1], 1) if times else None,
        },
        "seconds": round(seconds),
        "ended_by_themselves": [f"{ended.service} with {ended.code}" for ended in evidence.ended],
        "violations": violations,
    }


if __name__ == "__main__":
    sys.exit(main())
