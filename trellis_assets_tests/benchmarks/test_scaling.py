"""What the benchmark of several miners reads out of the logs, and where it puts worker hosts."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from scaling import hosts as worker_hosts
from scaling.bench import against_first, found
from scaling.cluster import Load
from scaling.hosts import hosts, why_no_namespaces
from scaling.results import Cluster

HOTKEYS = {"amber": "5Amber", "birch": "5Birch"}


def decision(event: str, second: float, number: int, miner: str) -> dict[str, object]:
    moment = datetime.fromtimestamp(second, UTC).isoformat()
    hotkey = HOTKEYS[miner]
    return {"event": event, "time": moment, "task_id": f"t{number}", "prompt": f"p{number}"} | {
        "miner_hotkey": hotkey
    }


def a_cluster(folder: Path, decisions: list[dict[str, object]]) -> Cluster:
    """Endpoints that each generated for a second, one task after another."""
    (folder / "subnet").mkdir()
    log = folder / "subnet" / "validators.jsonl"
    log.write_text("".join(json.dumps(line) + "\n" for line in decisions), encoding="utf-8")
    for endpoint in range(2):
        lines = [
            {"prompt": f"p{number}", "started": 1000.0 + number, "ended": 1001.0 + number}
            for number in range(endpoint, 10, 2)
        ]
        made = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / f"endpoint-{endpoint}.jsonl").write_text(made, encoding="utf-8")
    return Cluster(folder, HOTKEYS)


def test_figures_are_of_the_stretch_after_the_warm_up(tmp_path: Path) -> None:
    decisions = []
    for number in range(10):
        miner = "amber" if number % 4 else "birch"
        decisions += [decision("assigned", 999.0 + number, number, miner)]
        decisions += [decision("accepted", 1001.0 + number, number, miner)]
    row = found(a_cluster(tmp_path, decisions), Load(endpoints=2), skipped=2, tasks=8)
    assert row["tasks_per_hour"] == pytest.approx(3600)
    assert row["endpoints_busy"] == pytest.approx(0.5), "two endpoints, of which one works at a time"
    assert (row["of_amber"], row["of_birch"]) == (0.75, 0.25)
    assert row["pull_to_start_p50"] == pytest.approx(1)
    assert row["answered_twice"] == "0"


def test_a_task_with_two_answers_is_told(tmp_path: Path) -> None:
    decisions = [decision("accepted", 1000.0, 1, "amber"), decision("handed_back", 1001.0, 1, "amber")]
    cluster = a_cluster(tmp_path, [*decisions, decision("accepted", 1002.0, 2, "birch")])
    assert cluster.answered_twice() == 1
    assert cluster.accepted() == {"amber": 1, "birch": 1}


def test_throughput_is_compared_with_the_first_row() -> None:
    rows = against_first([{"workers": "1", "tasks_per_hour": 50.0}, {"workers": "2", "tasks_per_hour": 90.0}])
    assert [row["times_the_first"] for row in rows] == [1, pytest.approx(1.8)]


def test_without_namespaces_hosts_are_process_groups_and_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_hosts, "why_no_namespaces", lambda: "network namespaces want root")
    with hosts(2) as apart:
        assert apart.command(1, "trellis-assets", "worker") == ["trellis-assets", "worker"]
        assert apart.address == "127.0.0.1"
        assert apart.isolation == "hosts are process groups (network namespaces want root)"


@pytest.mark.skipif(why_no_namespaces() is not None, reason="no network namespaces here")
def test_hosts_in_namespaces_reach_the_servers_address_and_leave_nothing_behind() -> None:
    with hosts(2) as apart:
        for number in range(2):
            route = said_by(apart.command(number, "ip", "route", "get", apart.address))
            assert f"src {apart.address[:-1]}{number + 2} " in route
        devices = said_by(apart.command(0, "ip", "-oneline", "link"))
        assert "uplink" in devices
        assert worker_hosts.BRIDGE not in devices, "nothing of the machine's own network"
        bridge = worker_hosts.BRIDGE
    assert bridge not in said_by(["ip", "link"])


def said_by(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
