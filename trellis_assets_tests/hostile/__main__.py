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

from trellis_assets_tests.hostile.siege import Siege, besiege

LEAST_PACE, MOST_GROWTH_MB, MOST_LAG_S = 0.9, 100.0, 0.5


def main() -> int:
    """Run, print, write."""
    parser = argparse.ArgumentParser(prog="hostile", description=__doc__)
    parser.add_argument("--alone", type=float, default=180, help="seconds with honest validators alone")
    parser.add_argument("--besieged", type=float, default=600, help="seconds with hostile ones beside them")
    parser.add_argument("--out", type=Path, help="JSON result")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="trellis-hostile-"))
    siege = besiege(folder, alone_s=given.alone, besieged_s=given.besieged, say=_say)
    findings = findings_of(siege)
    print(table(siege))
    print("\n".join(findings) or "all within bounds")
    if given.out is not None:
        given.out.write_text(json.dumps(_result(siege, findings), indent=2) + "\n", encoding="utf-8")
    if findings:
        print(f"what it left behind: {folder}", file=sys.stderr)
    return 1 if findings else 0


def findings_of(siege: Siege) -> list[str]:
    """Return every bound that was exceeded, in words."""
    besieged, findings = siege.besieged, []
    if besieged.pace < LEAST_PACE * siege.alone.pace:
        findings.append(f"pace fell to {besieged.pace / siege.alone.pace:.0%}, less than {LEAST_PACE:.0%}")
    if besieged.growth_mb > MOST_GROWTH_MB:
        findings.append(f"memory grew by {besieged.growth_mb:.0f} MB, more than {MOST_GROWTH_MB:.0f}")
    if besieged.lag_s > MOST_LAG_S:
        findings.append(f"the event loop was {besieged.lag_s:.2f} s late, more than {MOST_LAG_S}")
    if siege.led_away:
        findings.append(f"{siege.led_away} calls followed a redirect")
    if siege.never_polled:
        findings.append(f"never called, so nothing was shown: {', '.join(siege.never_polled)}")
    return findings


def table(siege: Siege) -> str:
    """Return the figures as a Markdown table."""
    rows = [
        ("honest validators alone", siege.alone),
        (f"beside {siege.attacks} hostile ones", siege.besieged),
    ]
    columns = ["", "seconds", "accepted a minute", "memory growth, MB", "peak, MB", "longest lag, s"]
    head = f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|"
    lines = [
        f"| {name} | {m.seconds:.0f} | {m.pace:.1f} | {m.growth_mb:+.0f} | {m.peak_mb:.0f} | {m.lag_s:.2f} |"
        for name, m in rows
    ]
    return "\n".join([head, *lines])


def _result(siege: Siege, findings: list[str]) -> dict[str, Any]:
    machine = f"{platform.machine()}, {platform.python_version()}"
    return asdict(siege) | {
        "findings": findings,
        "machine": machine,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _say(line: str) -> None:
    print(f"{time.strftime('%T')} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
