"""Runs in Celery workers over PostgreSQL and Redis: workers come and go while a miner mines."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trellis_assets.adapters.local_subnet.state import read_decisions
from trellis_assets.testing.postgres_server import PostgresServer
from trellis_assets.testing.redis_server import PASSWORD, RedisServer
from trellis_assets_tests.end_to_end.site import Site, kill

pytestmark = [pytest.mark.sites, pytest.mark.slow, pytest.mark.timeout(280)]

TASKS = 12
ANSWERS = {"accepted", "rejected", "handed_back", "bad_signature", "scoring_failed"}


@pytest.fixture
def open_site(tmp_path: Path) -> Iterator[Callable[[], Site]]:
    postgres, broker = PostgresServer(), RedisServer(tmp_path / "broker")
    opened: list[Site] = []

    def open_one() -> Site:
        settings = {
            "TRELLIS_DATABASE_URL": postgres.migrated_database(),
            "TRELLIS_DAGSTER_DATABASE_URL": postgres.empty_database(),
            "TRELLIS_FILES_URL": f"file://{tmp_path / 'models'}",
            "TRELLIS_RUN_LAUNCHER": "celery",
            "TRELLIS_CELERY_BROKER": broker.url,
            "TRELLIS_CELERY_QUEUES": "left,right",
        }
        opened.append(Site(tmp_path, settings))
        return opened[-1]

    yield open_one
    for site in opened:
        site.close()
    broker.close()
    postgres.close()


def events(site: Site) -> set[str]:
    """Of the validators' log."""
    log = site.folder / "miner" / "subnet" / "validators.jsonl"
    return {str(decision["event"]) for decision in read_decisions(log)} if log.exists() else set()


def test_workers_come_and_die_and_every_task_is_answered_once(open_site: Callable[[], Site]) -> None:
    site = open_site()
    miner = site.start("miner", "mine", "--no-validate", "--json", "--tasks", str(TASKS))
    site.wait_for_line(
        site.folder / "miner" / "logs" / "daemon.log", "no worker executes runs of left, right"
    )
    assert events(site) == set(), "no task is taken that nobody would generate"
    doomed = site.worker("doomed", "left")
    site.wait_finished(2)
    site.worker("newcomer", "left,right")
    kill(doomed)
    assert miner.wait(200) == 0, site.said()
    statistics = json.loads((site.folder / "miner.log").read_text().splitlines()[-1])
    session = statistics["session_stats"]
    assert session["tasks_pulled"] == session["tasks_processed"] == TASKS
    decisions = read_decisions(site.folder / "miner" / "subnet" / "validators.jsonl")
    assert "assigned" in events(site)
    answered = Counter(d["task_id"] for d in decisions if d["event"] in ANSWERS)
    assert max(answered.values()) == 1, "no task was answered twice"
    assert len(answered) + session["unknown_submissions"] >= TASKS
    written = [path for name in ("miner", "newcomer") for path in (site.folder / name).rglob("*.yaml")]
    assert written
    assert not any(PASSWORD in path.read_text() for path in written), "the broker's password is in no file"


def test_a_worker_that_cannot_work_says_so(open_site: Callable[[], Site]) -> None:
    site = open_site()
    del site.environment["TRELLIS_CELERY_BROKER"]
    worker = site.worker("lost", "left")
    assert worker.wait(60) == 2
    assert "TRELLIS_CELERY_BROKER" in site.said()
