"""What the orchestration benchmark makes of logs and of process trees."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from orchestration.arena import wait_until
from orchestration.bench import medians, ratios
from orchestration.logs import figures, quantile, read_lines, stretches, task_lifecycles
from orchestration.metering import cpu_seconds, family, memory_mb

SUBREAPER = Path(sys.modules["orchestration.logs"].__file__ or "").with_name("subreaper.py")


def decision(event: str, moment: float, task_id: str) -> dict[str, Any]:
    time = datetime.fromtimestamp(moment, UTC).isoformat()
    return {"time": time, "event": event, "task_id": task_id, "prompt": f"prompt of {task_id}"}


def generation(task_id: str, started: float, ended: float) -> dict[str, Any]:
    return {"prompt": f"prompt of {task_id}", "started": started, "ended": ended}


def test_figures_count_what_lies_in_the_window() -> None:
    decisions = [
        decision("assigned", 90, "before"),
        decision("accepted", 99, "before"),
        decision("assigned", 101, "within"),
        decision("same_task_again", 102, "within"),
        decision("accepted", 106.5, "within"),
        decision("assigned", 107, "across the end"),
        decision("accepted", 113, "across the end"),
        decision("assigned", 108, "never answered"),
    ]
    generations = [
        generation("before", 97, 98),
        generation("within", 103, 105),
        generation("across the end", 109, 112),
    ]
    found = figures(task_lifecycles(decisions, generations), 100, 110)
    assert found.tasks == 1
    assert found.tasks_per_hour == pytest.approx(360)
    assert found.busy_share == pytest.approx(0.3), "two seconds, and one of the three that go on"
    assert (found.pull_to_start_p50, found.pull_to_start_p95) == (2, 2)
    assert found.end_to_sent_p50 == pytest.approx(1.5)


def test_a_window_without_results_has_no_latencies() -> None:
    found = figures([], 100, 110)
    assert (found.tasks, found.busy_share) == (0, 0)
    assert found.pull_to_start_p50 != found.pull_to_start_p50, "not a number"


def test_stretches_are_whole_and_in_the_order_of_answers() -> None:
    decisions = [decision("assigned", n, str(n)) for n in range(5)]
    decisions += [decision("accepted", 20 - n, str(n)) for n in range(5)]
    groups = stretches(task_lifecycles(decisions, []), 2)
    assert [[life.task_id for life in group] for group in groups] == [["4", "3"], ["2", "1"]]


def test_a_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text('{"a": 1}\n{"a": 2}\n{"a"', encoding="utf-8")
    assert read_lines(log) == [{"a": 1}, {"a": 2}]


def test_quantiles_are_values_that_occur() -> None:
    assert quantile([3, 1, 2, 4], 0.5) == 3
    assert quantile(range(100), 0.95) == 95


def test_ratios_are_taken_within_each_run() -> None:
    def run(mine: float, other: float) -> list[dict[str, float | str]]:
        same = {"service_s": 1.0, "cpu_s_per_task": 1.0, "peak_mb": 1.0}
        return [
            same | {"contender": "this project", "tasks_per_hour": mine},
            same | {"contender": "serial miner", "tasks_per_hour": other},
        ]

    runs = [run(10, 1), run(20, 10), run(60, 20)]
    (row,) = ratios(runs)
    assert row["tasks_per_hour"] == 3, "and not 20 / 10, that of the medians"
    assert [row["contender"] for row in medians(runs)] == ["this project", "serial miner"]


def test_cpu_of_a_tree_counts_orphans_that_have_ended() -> None:
    burn = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    # The middle process leaves its child behind, which burns, and ends at once.
    middle = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {burn!r}], close_fds=False)"
    # The pipe's other end is closed once the last process that has it is gone.
    top = (
        "import os, subprocess, sys\n"
        "read, write = os.pipe()\n"
        f"subprocess.run([sys.executable, '-c', {middle!r}], pass_fds=[write])\n"
        "os.close(write); os.read(read, 1); print('ready', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-S", "-E", str(SUBREAPER), sys.executable, "-c", top],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as subreaper:
        assert subreaper.stdout is not None
        subreaper.stdout.readline()
        wait_until(lambda: len(family(subreaper.pid)) == 2, "the orphan's end")
        used, members, memory = cpu_seconds(subreaper.pid), family(subreaper.pid), memory_mb(subreaper.pid)
    assert used >= 0.3
    assert len(members) == 2, "the subreaper and the top process"
    assert 5 < memory < 500
    assert family(subreaper.pid) == []


def test_a_profile_that_was_measured_less_often_counts_only_the_runs_that_have_it() -> None:
    rare = {"service_s": 10.0, "contender": "this project", "tasks_per_hour": 4.0}
    often = {"service_s": 1.0, "contender": "this project"}
    runs = [[rare, often | {"tasks_per_hour": 1.0}], [often | {"tasks_per_hour": 3.0}]]
    assert [row["tasks_per_hour"] for row in medians(runs)] == [4.0, 2.0]  # type: ignore[arg-type]
