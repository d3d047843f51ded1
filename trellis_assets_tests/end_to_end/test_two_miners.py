"""Two miners, each with its wallet, folder, queue and worker, on one store and broker before one subnet."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from trellis_assets.adapters.local_subnet.state import read_decisions
from trellis_assets.adapters.storage.report_queries import SqlReportQueries
from trellis_assets.adapters.storage.store import SqlStore, open_store
from trellis_assets.domain.statistics_export import to_json
from trellis_assets.domain.tasks import TaskState
from trellis_assets.testing.clean_environment import clean_environment
from trellis_assets.testing.postgres_server import PostgresServer
from trellis_assets.testing.redis_server import RedisServer
from trellis_assets_tests.end_to_end.chaos.subnet import make_wallet, witnesses
from trellis_assets_tests.end_to_end.cluster import Cluster

pytestmark = [pytest.mark.distributed, pytest.mark.slow, pytest.mark.timeout(600)]

EACH = 5
MINERS = ("amber", "birch")
ANSWERS = {"accepted", "rejected", "handed_back", "bad_signature", "scoring_failed"}


@dataclass
class Pair:
    """What two miners left behind, by the miner's name where it is one's own."""

    hotkeys: Mapping[str, str]
    decisions: list[dict[str, Any]]
    sessions: Mapping[str, dict[str, Any]]
    said: str
    store: SqlStore


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("two-miners")
    hotkeys = {name: make_wallet(folder / name / "wallets") for name in MINERS}
    with ExitStack() as stack:
        postgres = stack.enter_context(closing(PostgresServer()))
        broker = stack.enter_context(closing(RedisServer(folder)))
        subnet = folder / "subnet"
        metagraph = stack.enter_context(
            witnesses(subnet, list(hotkeys.values()), clean_environment(), validators=3, answer_delay_s=0.2)
        )
        store_url = postgres.migrated_database()
        clusters = {}
        for name in MINERS:
            settings = _shared(folder, metagraph, store_url, broker.url) | {
                "TRELLIS_WALLET_PATH": str(folder / name / "wallets"),
                "TRELLIS_DAGSTER_DATABASE_URL": postgres.empty_database(),
                "TRELLIS_CELERY_QUEUES": name,
            }
            clusters[name] = stack.enter_context(closing(Cluster(folder / name, settings)))
            clusters[name].worker("worker", name)
        options = ("--no-validate", "--json", "--tasks", str(EACH))
        miners = [cluster.start("miner", "mine", *options) for cluster in clusters.values()]
        said = "\n".join(cluster.said() for cluster in clusters.values())
        assert [miner.wait(400) for miner in miners] == [0, 0], said
        said = "\n".join(cluster.said() for cluster in clusters.values())
        store = stack.enter_context(closing(open_store(store_url)))
        decisions = read_decisions(subnet / "subnet" / "validators.jsonl")
        sessions = {name: _last_line(cluster.folder / "miner.log") for name, cluster in clusters.items()}
        yield Pair(hotkeys, decisions, sessions, said, store)


def _shared(folder: Path, metagraph: Path, store_url: str, broker_url: str) -> dict[str, str]:
    return {
        "TRELLIS_NETWORK": f"file:{metagraph}",
        "TRELLIS_DATABASE_URL": store_url,
        "TRELLIS_FILES_URL": f"file://{folder / 'models'}",
        "TRELLIS_RUN_LAUNCHER": "celery",
        "TRELLIS_CELERY_BROKER": broker_url,
        "TRELLIS_PULL_INTERVAL_S": "2",
        "TRELLIS_ERROR_BACKOFF_S": "5",
    }


def _last_line(log: Path) -> dict[str, Any]:
    printed: dict[str, Any] = json.loads(log.read_text().splitlines()[-1])
    return printed


def _tasks_of(pair: Pair, name: str) -> set[str]:
    tasks = pair.store.tasks.in_states(list(TaskState))
    return {task.task_id for task in tasks if task.miner_hotkey == pair.hotkeys[name]}


def test_each_hotkey_works_on_the_tasks_that_it_was_given(pair: Pair) -> None:
    for name, hotkey in pair.hotkeys.items():
        mine = [d for d in pair.decisions if d["miner_hotkey"] == hotkey]
        given = {d["task_id"] for d in mine if d["event"] == "assigned"}
        assert len(given) == EACH
        assert _tasks_of(pair, name) == given
        assert {d["task_id"] for d in mine if d["event"] in ANSWERS} == given
        assert pair.sessions[name]["session_stats"]["tasks_processed"] == EACH


def test_each_answer_is_signed_by_its_own_hotkey_and_given_once(pair: Pair) -> None:
    events = Counter(d["event"] for d in pair.decisions)
    assert not events.keys() & {"bad_signature", "other_task_id", "refused", "not_registered"}
    answered = Counter(d["task_id"] for d in pair.decisions if d["event"] in ANSWERS)
    assert set(answered.values()) == {1}
    assert "signs for" not in pair.said, "no worker was handed a task of the other miner"


def test_counters_are_of_one_hotkey_each(pair: Pair) -> None:
    for hotkey in pair.hotkeys.values():
        mine = [v for v in pair.store.statistics.validator_counters() if v.miner_hotkey == hotkey]
        assert sum(v.total_tasks_received for v in mine) == EACH
        accepted = [d for d in pair.decisions if d["miner_hotkey"] == hotkey and d["event"] == "accepted"]
        assert sum(v.total_successful_submissions for v in mine) == len(accepted)


def test_statistics_and_reports_show_both_side_by_side_and_the_sum(pair: Pair) -> None:
    now = max(task.pulled_at for task in pair.store.tasks.in_states(list(TaskState)))
    exported = to_json(pair.store.statistics.snapshot(None, now))
    assert {h: of["tasks_pulled"] for h, of in exported["miner_stats"].items()} == dict.fromkeys(
        pair.hotkeys.values(), EACH
    )
    assert exported["session_stats"]["tasks_pulled"] == 2 * EACH
    assert sum(v["total_tasks_received"] for v in exported["validator_stats"].values()) == 2 * EACH
    rows = SqlReportQueries(pair.store.engine).validators()
    assert rows.groupby("miner_hotkey")["total_tasks_received"].sum().to_dict() == dict.fromkeys(
        pair.hotkeys.values(), EACH
    )
