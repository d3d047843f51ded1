"""How long the command line, the definitions and their check take to start."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
TIMES = 5
VALIDATE = ["-m", "dagster", "definitions", "validate"]
COMMANDS = {
    "trellis-assets --help": ["-m", "trellis_assets.cli", "--help"],
    "import trellis_assets.definitions": ["-c", "import trellis_assets.definitions"],
    "dagster definitions validate": [*VALIDATE, "-m", "trellis_assets.definitions"],
    "dagster definitions validate, without DAGSTER_HOME": [*VALIDATE, "-m", "trellis_assets.definitions"],
    # What of the others is not ours.
    "python": ["-c", "pass"],
    "import dagster": ["-c", "import dagster"],
    "dagster definitions validate, of an empty file": [*VALIDATE, "-f", "empty.py"],
}
Row = dict[str, float | str]


def run(arguments: list[str], folder: str, home: Path | None) -> tuple[float, float]:
    """Return the seconds by the clock and of CPU that the command took, with everything that it started."""
    environment = os.environ | {"TRELLIS_DATA_DIR": folder, "PYTHONPATH": str(ROOT)}
    environment.pop("DAGSTER_HOME", None)
    if home is not None:
        environment["DAGSTER_HOME"] = str(home)
    before, began = os.times(), time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=environment, cwd=folder)
    took, after = time.perf_counter() - began, os.times()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return took, cpu_s


def main() -> list[Row]:
    """Return medians of several runs of each command, without the first, which compiles what has changed.

    Dagster's home is there already, as a miner's is; without one, Dagster makes a database for each command.
    """
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "empty.py").write_text("import dagster as dg\n\ndefs = dg.Definitions()\n")
        (Path(folder) / "home").mkdir()
        for name, arguments in COMMANDS.items():
            home = None if name.endswith("without DAGSTER_HOME") else Path(folder) / "home"
            run(arguments, folder, home)
            took = [run(arguments, folder, home) for _ in range(TIMES)]
            rows.append(
                {
                    "command": name,
                    "best_s": min(both[0] for both in took),
                    "median_s": statistics.median(both[0] for both in took),
                    "median_cpu_s": statistics.median(both[1] for both in took),
                }
            )
    return rows


if __name__ == "__main__":
    sys.stdout.write("\n".join(json.dumps(row) for row in main()) + "\n")
