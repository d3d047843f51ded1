"""Two miners on one store with their workers and one subnet: what is measured, from start to end."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.arena import (
    START_TIMEOUT_S,
    make_wallet,
    miner_settings,
    our_environment,
    running,
    wait_until,
)

from scaling.hosts import Hosts
from scaling.results import Cluster
from trellis_assets.system.tcp_ports import free_port, is_listening
from trellis_assets.testing.postgres_server import PostgresServer
from trellis_assets.testing.redis_server import RedisServer

if TYPE_CHECKING:
    from subprocess import Popen

MINERS = ("amber", "birch")
TRELLIS = (sys.executable, "-m", "trellis_assets.cli")


@dataclass(frozen=True, slots=True)
class Load:
    """What the miners meet. A worker host has `hands` runs at a time for each miner. Times in seconds."""

    service_s: float = 1.5
    submit_delay_s: float = 0.2
    endpoints: int = 2
    validators: int = 8
    hands: int = 1


@contextmanager
def cluster(folder: Path, load: Load, hosts: Hosts) -> Iterator[Cluster]:
    """Let both miners mine, with as many worker hosts as there are, until the block ends."""
    folder.mkdir(parents=True)
    wallets = {
        name: make_wallet(folder / name / "wallets", f"//TrellisAssetsBenchmark/{name}") for name in MINERS
    }
    with ExitStack() as stack:
        postgres = stack.enter_context(closing(PostgresServer(is_durable=True, host=hosts.address)))
        broker = stack.enter_context(closing(RedisServer(folder, host=hosts.address)))
        metagraph = folder / "subnet" / "metagraph.json"
        _serve(stack, _subnet(folder, load, hosts.address, tuple(wallets.values())), folder / "subnet.log")
        urls = [_endpoint(stack, folder, load, hosts.address, number) for number in range(load.endpoints)]
        wait_until(metagraph.exists, "the validators")
        shared = {
            "TRELLIS_DATABASE_URL": postgres.migrated_database(),
            "TRELLIS_FILES_URL": f"file://{folder / 'models'}",
            "TRELLIS_RUN_LAUNCHER": "celery",
            "TRELLIS_CELERY_BROKER": broker.url,
        }
        settings = {
            name: our_environment()
            | miner_settings(folder / name, metagraph, urls)
            | shared
            | {"TRELLIS_DAGSTER_DATABASE_URL": postgres.empty_database(), "TRELLIS_CELERY_QUEUES": name}
            for name in MINERS
        }
        _start_workers(stack, folder, load, hosts, settings)
        names = frozenset(f"{name}-{host}" for name in MINERS for host in range(len(hosts.prefixes)))
        _wait_for_workers(broker.url, names)
        for name in MINERS:
            _serve(stack, [*TRELLIS, "mine", "--no-validate"], folder / f"{name}.log", settings[name])
        yield Cluster(folder, wallets)


def _subnet(folder: Path, load: Load, address: str, hotkeys: Sequence[str]) -> list[str]:
    command = [sys.executable, "-m", "orchestration.subnet", "--folder", str(folder / "subnet")]
    command += ["--address", address, "--validators", str(load.validators)]
    command += ["--submit-delay-s", str(load.submit_delay_s)]
    return command + [part for hotkey in hotkeys for part in ("--registered", hotkey)]


def _endpoint(stack: ExitStack, folder: Path, load: Load, address: str, number: int) -> str:
    """Start a generation server at the URL."""
    port = free_port()
    command = [sys.executable, "-m", "orchestration.generation_server", "--host", address]
    command += ["--port", str(port), "--service-s", str(load.service_s)]
    command += ["--log", str(folder / f"endpoint-{number}.jsonl")]
    _serve(stack, command, folder / f"endpoint-{number}.log")
    wait_until(lambda: is_listening(port, address), "a generation server")
    return f"http://{address}:{port}"


def _start_workers(
    stack: ExitStack, folder: Path, load: Load, hosts: Hosts, settings: Mapping[str, Mapping[str, str]]
) -> None:
    """Start a worker of each miner on each host: a worker signs for one hotkey only."""
    for host in range(len(hosts.prefixes)):
        for name in MINERS:
            data = folder / name / f"host-{host}"
            command = [*TRELLIS, "worker", "--concurrency", str(load.hands), "--name", f"{name}-{host}"]
            environment = settings[name] | {"TRELLIS_DATA_DIR": str(data)}  # type: ignore[operator]
            log = folder / f"{name}-host-{host}.log"
            _serve(stack, hosts.command(host, *command), log, environment)


def _wait_for_workers(broker_url: str, wanted: frozenset[str]) -> None:
    """Wait until the workers of these names have answered; otherwise a smaller cluster would be measured.

    Raises:
        TimeoutError: naming those that have not.
    """
    from celery import Celery

    there: set[str] = set()
    deadline = time.monotonic() + START_TIMEOUT_S
    with Celery(broker=broker_url) as app:
        while missing := wanted - there:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{', '.join(sorted(missing))}: no such worker; see its log")
            for reply in app.control.ping(timeout=1.0):
                there |= {name.partition("@")[0] for name in reply}


def _serve(
    stack: ExitStack, command: list[str], log: Path, environment: Mapping[str, str] | None = None
) -> "Popen[bytes]":
    return stack.enter_context(running(command, environment or our_environment(), log))
