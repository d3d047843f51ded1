"""How long reading, writing, rendering and checking a model takes, and in how much memory.

Each measure runs in a process of its own, so that its peak memory is its own; times are the best of
several passes after one to warm up, as JSON lines on the standard output.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

MEGABYTE = 1e6
PASSES = 5


def model() -> tuple[str, bytes]:
    """Return a real model's name and SPZ bytes, or a ball of as many splats where there is none."""
    folder = os.environ.get("TRELLIS_SAMPLES")
    path = Path(folder) / "robocop.spz" if folder else None
    if path and path.exists():
        return "robocop", path.read_bytes()
    from trellis_assets.adapters.splat_io.spz import encode_spz
    from trellis_assets.testing.splats import a_ball

    return "ball", encode_spz(a_ball(267_776))


def work_of(name: str) -> Callable[[], object]:
    """Return the function to time for a measure, with everything that it needs loaded."""
    from trellis_assets.adapters.splat_io.ply import read_ply, write_ply
    from trellis_assets.adapters.splat_io.spz import decode_spz, encode_spz

    _, spz = model()
    splats = decode_spz(spz)
    if name == "SPZ decode":
        return lambda: decode_spz(spz)
    if name == "SPZ encode":
        return lambda: encode_spz(splats)
    if name == "PLY write":
        return lambda: write_ply(splats)
    if name == "PLY read":
        ply = write_ply(splats)
        return lambda: read_ply(ply)
    if name == "prepare for submission":
        from trellis_assets.domain.splats.preparation import prepare_for_submission

        return lambda: prepare_for_submission(splats)
    if name == "embedded validation":
        from trellis_assets.adapters.validation.embedded.validator import EmbeddedValidator
        from trellis_assets.domain.tasks import TaskKind
        from trellis_assets.system.clock import SystemClock

        judge = EmbeddedValidator(SystemClock())
        return lambda: judge.validate(spz, prompt="a robot", kind=TaskKind.TEXT)
    from trellis_assets.adapters.rendering.pictures import preview, validator_views

    sizes = {"16 views at 224": 224, "16 views at 518": 518}
    if name in sizes:
        return lambda: validator_views(splats, sizes[name])
    if name == "preview at 512":
        return lambda: preview(splats)
    raise ValueError(name)


MEASURES = (
    "SPZ decode",
    "SPZ encode",
    "PLY read",
    "PLY write",
    "prepare for submission",
    "16 views at 224",
    "16 views at 518",
    "preview at 512",
    "embedded validation",
)


def measure(name: str) -> None:
    """Print one JSON line: best and median milliseconds, peak memory."""
    work = work_of(name)
    work()
    times = []
    for _ in range(PASSES):
        started = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - started))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE
    found = {"measure": name, "best_ms": min(times), "median_ms": sorted(times)[PASSES // 2], "peak_mb": peak}
    sys.stdout.write(json.dumps(found) + "\n")


def main() -> list[dict[str, float | str]]:
    """Return all measures, each from a process of its own."""
    found = []
    for name in MEASURES:
        ran = subprocess.run(
            [sys.executable, __file__, "--measure", name], check=True, capture_output=True, text=True
        )
        found.append(json.loads(ran.stdout))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", choices=MEASURES)
    chosen = parser.parse_args().measure
    if chosen:
        measure(chosen)
    else:
        sys.stdout.write("\n".join(json.dumps(row) for row in main()) + "\n")
