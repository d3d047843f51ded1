"""`python -m trellis_assets_tests.hostile`: the full form; exit code 1 if a bound is exceeded."""

import argparse
import json
import platform
import sys
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trellis_assets_tests.hostile.hostile_run import HostileRun, run_beside_hostile

LEAST_PACE, MOST_GROWTH_MB, MOST_LAG_S = 0.9, 100.0, 0.5


def main() -> int:
    """Run, print, write."""
    parser = argparse.ArgumentParser(prog="hostile", description=__doc__)
    parser.add_argument("--alone", type=float, default=180, help="seconds with honest validators alone")
    parser.add_argument("--hostile", type=float, default=600, help="seconds with hostile ones beside them")
    parser.add_argument("--out", type=Path, help="JSON result")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="trellis-hostile-"))
    hostile_run = run_beside_hostile(folder, alone_s=given.alone, hostile_s=given.hostile, say=_say)
    violations = exceeded_bounds(hostile_run)
    print(table(hostile_run))
    print("\n".join(violations) or "all within bounds")
    if given.out is not None:
        given.out.write_text(json.dumps(_result(hostile_run, violations), indent=2) + "\n", encoding="utf-8")
    if violations:
        print(f"what it left behind: {folder}", file=sys.stderr)
    return 1 if violations else 0


def exceeded_bounds(hostile_run: HostileRun) -> list[str]:
    """Return every bound that was exceeded, in words."""
    beside_hostile, violations = hostile_run.beside_hostile, []
    if beside_hostile.pace < LEAST_PACE * hostile_run.alone.pace:
        violations.append(
            f"pace fell to {beside_hostile.pace / hostile_run.alone.pace:.0%}, less than {LEAST_PACE:.0%}"
        )
    if beside_hostile.growth_mb > MOST_GROWTH_MB:
        violations.append(f"memory grew by {beside_hostile.growth_mb:.0f} MB, more than {MOST_GROWTH_MB:.0f}")
    if beside_hostile.lag_s > MOST_LAG_S:
        violations.append(f"the event loop was {beside_hostile.lag_s:.2f} s late, more than {MOST_LAG_S}")
    if hostile_run.led_away:
        violations.append(f"{hostile_run.led_away} calls followed a redirect")
    if hostile_run.never_polled:
        violations.append(f"never called, so nothing was shown: {', '.join(hostile_run.never_polled)}")
    return violations


def table(hostile_run: HostileRun) -> str:
    """Return the figures as a Markdown table."""
    rows = [
        ("honest validators alone", hostile_run.alone),
        (f"beside {hostile_run.attacks} hostile ones", hostile_run.beside_hostile),
    ]
    columns = ["", "seconds", "accepted a minute", "memory growth, MB", "peak, MB", "longest lag, s"]
    head = f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|"
    lines = [
        f"| {name} | {m.seconds:.0f} | {m.pace:.1f} | {m.growth_mb:+.0f} | {m.peak_mb:.0f} | {m.lag_s:.2f} |"
        for name, m in rows
    ]
    return "\n".join([head, *lines])


def _result(hostile_run: HostileRun, violations: list[str]) -> dict[str, Any]:
    machine = f"{platform.machine()}, {platform.python_version()}"
    return asdict(hostile_run) | {
        "violations": violations,
        "machine": machine,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _say(line: str) -> None:
    print(f"{time.strftime('%T')} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
