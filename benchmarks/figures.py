"""Runs benchmarks, keeps their figures as JSON and writes them into docs/figures.md."""

import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

import ledger
import splats

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "figures.md"


def machine() -> str:
    """Cores, memory, processor and Python, in words."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores, {memory:.0f} GB, {platform.machine()}, Python {platform.python_version()}"


def keep(name: str, rows: list[dict[str, float | str]], note: str) -> None:
    """The figures are in `results/NAME.json` and in their part of the page."""
    RESULTS.mkdir(exist_ok=True)
    record = {
        "machine": machine(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "note": note,
        "rows": rows,
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    begin, end = f"<!-- {name}: made by `make bench` -->\n", f"<!-- /{name} -->"
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(begin, 1)
    after = rest.split(end, 1)[1]
    PAGE.write_text(before + begin + "\n" + table(record) + "\n" + end + after, encoding="utf-8")


def table(record: dict[str, object]) -> str:
    """The record as Markdown."""
    rows = record["rows"]
    assert isinstance(rows, list)
    columns = list(rows[0])
    lines = [f"{record['machine']}; {record['date']}; {record['note']}.", ""]
    lines += ["| " + " | ".join(column.replace("_", " ") for column in columns) + " |"]
    lines += ["|" + "---|" * len(columns)]
    for row in rows:
        cells = [f"{row[c]:.4g}" if isinstance(row[c], float) else str(row[c]) for c in columns]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Benchmarks by name; all of them without."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=[])
    wanted = parser.parse_args().names or ["splats", "ledger"]
    if "splats" in wanted:
        name, spz = splats.model()
        keep("splats", splats.main(), f"model {name}, {len(spz):,} bytes of SPZ, best of {splats.PASSES}")
    if "ledger" in wanted:
        keep("ledger", ledger.main(), f"1,000,000 tasks over {ledger.DAYS} days in SQLite, first pass")
    sys.stdout.write(f"written to {PAGE.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
