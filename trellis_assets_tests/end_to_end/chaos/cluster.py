"""What is under test: a miner and, if wanted, Celery workers with their broker and database."""

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from trellis_assets.orchestration.dagster_home import BROKER_VARIABLE, DATABASE_VARIABLE
from trellis_assets.settings import DAGSTER_DRIVER
from trellis_assets.testing.clean_environment import clean_environment
from trellis_assets.testing.postgres_server import PostgresServer
from trellis_assets.testing.redis_server import RedisServer
from trellis_assets_tests.end_to_end.chaos.roles import Role, role_of
from trellis_assets_tests.end_to_end.chaos.service import Ended, Service

# In the environment of every process of the cluster, whoever its parent is by now.
MARK = "CHAOS_MARK"
# The first worker's, the second's and so on, from the start again: each queue outlives one of its workers.
QUEUES = ("left", "right", "left,right")
WORKER_CONCURRENCY = "2"
# Who starts while a shared server is away ends, and says so; who has started waits for it.
STARTED_S = 60.0


@dataclass
class Cluster:
    """The services of one miner, and all processes that they start.

    Attributes:
        miner: `trellis-assets mine`.
        workers: `trellis-assets worker`, if runs execute there.
        servers: broker and database, if they are shared.
        store_url: where the tasks are.
        secrets: what the environment tells who opens the miner's Dagster home.
        ended: services that did so by themselves.
    """

    miner: Service
    workers: tuple[Service, ...]
    servers: Mapping[Role, RedisServer | PostgresServer]
    store_url: str
    mark: str
    secrets: Mapping[str, str]
    ended: list[Ended] = field(default_factory=list)

    @property
    def services(self) -> tuple[Service, ...]:
        """Return the services that the operator starts."""
        return (self.miner, *self.workers)

    @property
    def logs(self) -> list[Path]:
        """Return the folders of the audit logs."""
        return [service.folder / "logs" for service in self.services]

    @property
    def has_store(self) -> bool:
        """Return whether the store exists; a shared one always does."""
        return bool(self.servers) or (self.miner.folder / "trellis.db").exists()

    def start(self) -> None:
        """Start all services that do not run."""
        for service in self.services:
            if not service.is_alive:
                service.start()

    def revive(self) -> None:
        """Start services again that ended by themselves, as systemd does."""
        for service in self.services:
            if not service.is_alive and service.process is not None:
                may_end = bool(self.servers) and time.monotonic() - service.started_at < STARTED_S
                self.ended.append(Ended(service.name, service.process.returncode, not may_end))
                service.start()

    def members(self) -> list[tuple[psutil.Process, Role]]:
        """Return every live process of the services with its role, orphans too."""
        started = {service.process.pid for service in self.workers if service.process is not None}
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) != self.mark or process.status() == psutil.STATUS_ZOMBIE:
                    continue
                role = role_of(process.cmdline())
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            # Its children are forks, with the same command line.
            is_fork = role is Role.CELERY_WORKER and process.pid not in started
            found.append((process, Role.WORKER if is_fork else role))
        return found

    def kill_all(self) -> None:
        """Kill all processes of the services, also one that is being started."""
        while victims := [process for process, _ in self.members()]:
            for process in victims:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(victims, timeout=5)
            for service in self.services:
                if service.process is not None:
                    service.process.poll()


@contextmanager
def open_cluster(folder: Path, settings: Mapping[str, str], workers: int) -> Iterator[Cluster]:
    """Yield a cluster that is not started yet, with its servers; afterwards nothing of it is left.

    Args:
        folder: everything of it is there; the miner's data in `miner`.
        settings: of all services.
        workers: so many Celery workers; 0: the miner executes runs itself, over SQLite.
    """
    mark = uuid.uuid4().hex
    environment = clean_environment() | dict(settings) | {MARK: mark}
    home = folder / "miner"
    servers: dict[Role, RedisServer | PostgresServer] = {}
    secrets, store_url = {}, f"sqlite:///{home / 'trellis.db'}"
    with ExitStack() as stack:
        if workers:
            # What is committed is on the disk, as an operator's server has it: it is killed too.
            database = PostgresServer(is_durable=True)
            stack.callback(database.close)
            broker = RedisServer(folder / "broker")
            stack.callback(broker.close)
            servers = {Role.DATABASE: database, Role.BROKER: broker}
            store_url, history_url = database.migrated_database(), database.empty_database()
            environment |= _shared_settings(folder, store_url, history_url, broker.url)
            secrets = {
                DATABASE_VARIABLE: history_url.replace("postgresql", DAGSTER_DRIVER, 1),
                BROKER_VARIABLE: broker.url,
            }
        miner = Service(home, ("mine", "--start-server"), environment)
        hands = tuple(_worker(folder, number, environment) for number in range(workers))
        cluster = Cluster(miner, hands, servers, store_url, mark, secrets)
        stack.callback(cluster.kill_all)
        yield cluster


def _shared_settings(folder: Path, store_url: str, history_url: str, broker_url: str) -> dict[str, str]:
    return {
        "TRELLIS_DATABASE_URL": store_url,
        "TRELLIS_DAGSTER_DATABASE_URL": history_url,
        "TRELLIS_FILES_URL": f"file://{folder / 'models'}",
        "TRELLIS_GENERATOR": "http",
        "TRELLIS_RUN_LAUNCHER": "celery",
        "TRELLIS_CELERY_BROKER": broker_url,
        "TRELLIS_CELERY_QUEUES": "left,right",
    }


def _worker(folder: Path, number: int, environment: Mapping[str, str]) -> Service:
    home, queues = folder / f"worker-{number}", QUEUES[number % len(QUEUES)]
    options = ("--queues", queues, "--concurrency", WORKER_CONCURRENCY, "--name", home.name)
    return Service(home, ("worker", *options), environment)
