"""The whole product as its user starts it: processes, Dagster, real Axons on loopback."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest

from trellis_assets.adapters.local_subnet.state import read_decisions
from trellis_assets.adapters.storage.store import SqlStore, open_store
from trellis_assets.domain.tasks import UNFINISHED_STATES, TaskState
from trellis_assets.orchestration.dagster_home import name_secrets
from trellis_assets.settings import Settings
from trellis_assets.system.tcp_ports import free_port
from trellis_assets.testing.clean_environment import clean_environment
from trellis_assets.testing.dead_proxy import dead_proxy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("end_to_end")]

# What a validator finishes a task with: exactly one of these per task.
ANSWERS = {"accepted", "rejected", "handed_back", "bad_signature", "scoring_failed"}


@pytest.fixture(autouse=True)
def databases(
    request: pytest.FixtureRequest, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Put the store and Dagster's history where the test runs: on PostgreSQL, `.env` names both."""
    if database == "sqlite":
        yield
        return
    server = request.getfixturevalue("postgres_server")
    # A variable would win over the file, here and not in the miner, which gets none of ours.
    monkeypatch.delenv("TRELLIS_DATABASE_URL", raising=False)
    urls = {"TRELLIS_DATABASE_URL": server.empty_database()}
    urls["TRELLIS_DAGSTER_DATABASE_URL"] = server.empty_database()
    (tmp_path / ".env").write_text("".join(f"{name}={url}\n" for name, url in urls.items()))
    yield
    for url in urls.values():
        server.drop(url)


_started: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def miners(databases: None) -> Iterator[None]:
    """Miners of a test that failed end with it, before their databases are gone."""
    yield
    for miner in _started:
        if miner.poll() is None:
            miner.kill()
            miner.communicate()
    _started.clear()


def settings_of(folder: Path) -> Settings:
    return Settings.load(env_file=folder / ".env", data_dir=folder)


def store_of(folder: Path) -> SqlStore:
    return open_store(settings_of(folder).storage.store_url)


def start(folder: Path, *options: str, **environment: str) -> subprocess.Popen[str]:
    clean = clean_environment()
    miner = subprocess.Popen(
        [sys.executable, "-m", "trellis_assets.cli", "mine", "--data-dir", str(folder), "--json", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=clean | environment,
    )
    _started.append(miner)
    return miner


def finish(miner: subprocess.Popen[str], timeout: float = 300) -> dict[str, Any]:
    try:
        out, err = miner.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        miner.terminate()
        raise
    assert miner.returncode == 0, err[-3000:]
    statistics: dict[str, Any] = json.loads(out.splitlines()[-1])
    return statistics


def family(miner: subprocess.Popen[str]) -> list[psutil.Process]:
    parent = psutil.Process(miner.pid)
    return [*parent.children(recursive=True), parent]


def states(folder: Path) -> Counter[str]:
    store = store_of(folder)
    counts = Counter({str(state): n for state, n in store.statistics.count_by_state().items()})
    store.close()
    return counts


def has_begun(folder: Path) -> bool:
    return (folder / "mine.lock").exists() and (folder / "dagster" / "dagster.yaml").exists()


def wait_for(folder: Path, finals: int, timeout_s: float = 180) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if has_begun(folder):
            counts = states(folder)
            if counts["accepted"] + counts["handed_back"] >= finals and counts.total() > finals:
                return
        time.sleep(0.2)
    pytest.fail(f"no {finals} finished tasks within {timeout_s} s: {states(folder)}")


@pytest.mark.faults_long
def test_mining_survives_kill_9_and_goes_on_from_where_it_was(tmp_path: Path) -> None:
    """Nothing lost, nothing submitted twice, totals go on; then a session ends by itself."""
    killed = start(tmp_path, "--tasks", "20")
    wait_for(tmp_path, finals=3)
    victims = family(killed)
    for process in victims:
        process.kill()
    psutil.wait_procs(victims, timeout=30)
    killed.communicate()
    before = states(tmp_path)

    second = start(tmp_path, "--tasks", "4")
    statistics = finish(second)
    session = statistics["session_stats"]
    assert session["tasks_pulled"] == session["tasks_processed"] == 4

    after = states(tmp_path)
    assert after.total() == before.total() + 4, "every task pulled before the kill is still there"
    assert not any(after[str(state)] for state in UNFINISHED_STATES), after
    decisions = read_decisions(tmp_path / "subnet" / "validators.jsonl")
    answered = Counter(d["task_id"] for d in decisions if d["event"] in ANSWERS)
    assert max(answered.values()) == 1, "no task was answered twice"
    assigned = {d["task_id"] for d in decisions if d["event"] == "assigned"}
    unknown = after[str(TaskState.ANSWER_UNKNOWN)]
    assert len(assigned) - len(answered) <= unknown, "each assigned task has its answer"
    accepted = sum(d["event"] == "accepted" for d in decisions)
    assert after["accepted"] <= accepted <= after["accepted"] + unknown


def test_ctrl_c_finishes_the_work_in_hand_and_leaves_nothing_behind(tmp_path: Path) -> None:
    miner = start(tmp_path)
    wait_for(tmp_path, finals=1)
    members = family(miner)
    miner.send_signal(signal.SIGINT)
    statistics = finish(miner)
    assert statistics["session_stats"]["in_flight"] == 0
    assert statistics["session_stats"]["successful_submissions"] >= 1
    assert psutil.wait_procs(members, timeout=30)[1] == []
    assert list((tmp_path / "reports").glob("statistics_*.json"))


@pytest.mark.both_databases
def test_a_session_with_validators_ends_well(tmp_path: Path, database: str) -> None:
    """By settings alone: the store, Dagster's history or both in PostgreSQL."""
    statistics = finish(start(tmp_path, "--tasks", "4"))
    session = statistics["session_stats"]
    assert session["tasks_pulled"] == session["tasks_processed"] == 4
    assert session["successful_submissions"] + session["handed_back"] >= 1
    assert states(tmp_path).total() == 4
    databases_here = {path.name for path in tmp_path.rglob("*.db")}
    assert bool(databases_here) is (database == "sqlite"), databases_here
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".env"]
    assert not [path for path in files if b"miner:secret" in path.read_bytes()], "no password on the disk"


def test_development_mode_generates_and_validates_without_any_validator(tmp_path: Path) -> None:
    statistics = finish(start(tmp_path, "--no-harvest", "--no-submit", "--tasks", "2"))
    session = statistics["session_stats"]
    assert (session["kept"], session["successful_generations"]) == (2, 2)
    assert session["successful_validations"] == 2
    assert not (tmp_path / "subnet").exists()


@pytest.mark.faults_long
def test_with_a_dead_proxy_set_all_that_is_on_this_machine_works(tmp_path: Path) -> None:
    """Our own generation server, validators on loopback, and Dagster's daemon with its code server."""
    url = f"http://127.0.0.1:{free_port()}"
    with dead_proxy() as proxy:
        names = ("http_proxy", "https_proxy", "grpc_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        proxies = dict.fromkeys(names, proxy.url)
        miner = start(tmp_path, "--start-server", "--tasks", "3", TRELLIS_GENERATOR_URLS=url, **proxies)
        statistics = finish(miner)
    assert statistics["session_stats"]["successful_generations"] == 3
    assert "POST /generate/" in (tmp_path / "logs" / "server.log").read_text()


def test_every_asset_materialises_after_mining(tmp_path: Path) -> None:
    """Through Dagster's own command, in processes of their own, into the home of the data folder."""
    finish(start(tmp_path, "--no-validate", "--tasks", "2"))
    clean = clean_environment()
    command = [sys.executable, "-m", "trellis_assets.cli", "materialize", "--data-dir", str(tmp_path)]
    done = subprocess.run(
        command, env=clean, cwd=tmp_path, capture_output=True, text=True, timeout=480, check=False
    )
    assert done.returncode == 0, done.stderr + (tmp_path / "logs" / "materialize.log").read_text()[-3000:]
    name_secrets(settings_of(tmp_path))
    with dg.DagsterInstance.from_config(str(tmp_path / "dagster")) as instance:
        submitted = instance.fetch_materializations(dg.AssetKey("submissions"), limit=10).records
        keys = {key.to_user_string() for key in instance.all_asset_keys()}
        (picture,) = {
            type(event.asset_materialization.metadata["preview"]).__name__
            for event in submitted
            if event.asset_materialization
        }
    assert len(submitted) == 2, "each answer is an event of the asset"
    assert picture == "MarkdownMetadataValue"
    assert keys == {
        "validators",
        "task_table",
        "submissions",
        "mining_statistics",
        "validator_stats",
        "reward_report",
        "earnings",
        "earnings_report",
        "task_report",
        "acceptance_model",
        "recipe_scores",
        "recipe_experiments",
        "policy_gain",
        "what_fails",
        "idle_validation",
    }
    store = store_of(tmp_path)
    assert store.statistics.snapshot(None, datetime.now(UTC)).totals.idle_validations == 2
    store.close()
    assert len(list((tmp_path / "reports").rglob("*.parquet"))) == 9


def test_a_high_minimum_score_hands_everything_back(tmp_path: Path) -> None:
    statistics = finish(start(tmp_path, "--min-score", "1.0", "--tasks", "2"))
    session = statistics["session_stats"]
    assert (session["handed_back"], session["successful_submissions"]) == (2, 0)


@pytest.mark.parametrize(
    ("options", "environment", "message"),
    [
        (["--network", "file:none.json"], {}, "there is no"),
        (["--min-score", "7"], {}, "--min-score"),
        ([], {"TRELLIS_MIN_SCORE": "7"}, "TRELLIS_MIN_SCORE"),
        (["--network", "finney"], {"TRELLIS_WALLET_PATH": "none"}, "there is no wallet"),
        ([], {"TRELLIS_DATABASE_URL": "nonsense"}, "TRELLIS_DATABASE_URL"),
        (
            [],
            {"TRELLIS_GENERATOR": "http", "TRELLIS_GENERATOR_URLS": "http://127.0.0.1:9"},
            "no generation endpoint is ready",
        ),
        (["--no-harvest"], {"TRELLIS_PROMPTS_FILE": "none.txt"}, "prompts file"),
    ],
)
def test_what_a_person_can_mend_is_said_in_one_clear_text(
    tmp_path: Path, options: list[str], environment: dict[str, str], message: str
) -> None:
    miner = start(tmp_path, *options, **environment)
    _, err = miner.communicate(timeout=180)
    assert miner.returncode == 2
    assert message in err
    assert "Traceback" not in err


def test_port_in_use_is_reported_with_its_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ports = {"TRELLIS_GALLERY_PORT": port, "TRELLIS_WEBSERVER_PORT": str(free_port())}
        miner = start(tmp_path, "--ui", "--tasks", "1", **ports)
        _, err = miner.communicate(timeout=180)
    assert miner.returncode == 2
    assert f"Port {port} is in use. Set TRELLIS_GALLERY_PORT" in err


def test_two_miners_do_not_share_a_data_folder(tmp_path: Path) -> None:
    first = start(tmp_path, "--no-harvest", "--no-submit", "--tasks", "1")
    deadline = time.monotonic() + 30
    while not has_begun(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.1)
    second = start(tmp_path, "--no-harvest", "--tasks", "1")
    _, err = second.communicate(timeout=180)
    assert second.returncode == 2
    assert "Another `trellis-assets mine`" in err
    finish(first)
