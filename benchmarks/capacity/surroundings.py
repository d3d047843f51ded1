"""What polls and the broker cost: against a real Axon, and a real Redis where one is installed."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from orchestration.arena import make_wallet, our_environment, running, wait_until

from trellis_assets.settings import Settings
from trellis_assets.system.clock import SystemClock
from trellis_assets.system.tcp_ports import free_port, is_listening

POLLS = 60
MESSAGES = 500


def poll_cost() -> dict[str, float]:
    """Return what one pull takes, in seconds: this process's CPU (signing, sending, reading) and duration."""
    from trellis_assets.adapters.bittensor.client import BittensorNetwork

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        hotkey, metagraph = make_wallet(folder / "wallets"), folder / "subnet" / "metagraph.json"
        command = [sys.executable, "-m", "orchestration.subnet", "--folder", str(folder / "subnet")]
        command += ["--registered", hotkey, "--validators", "4"]
        with running(command, our_environment(), folder / "subnet.log"):
            wait_until(metagraph.exists, "the validators")
            settings = Settings.load(
                network=f"file:{metagraph}",
                wallet_path=folder / "wallets",
                wallet_name="miner",
                data_dir=folder,
            )
            network = BittensorNetwork(settings, SystemClock())
            validators = list(network.metagraph())

            async def polls(count: int) -> None:
                for number in range(count):
                    await network.pull(validators[number % len(validators)])

            asyncio.run(polls(len(validators)))
            wall, cpu = time.perf_counter(), time.process_time()
            asyncio.run(polls(POLLS))
            return {
                "poll_s": (time.perf_counter() - wall) / POLLS,
                "poll_cpu_s": (time.process_time() - cpu) / POLLS,
            }


def broker_cost() -> dict[str, float]:
    """Return the CPU seconds of one message through Celery, of Redis and the sender; empty without Redis."""
    program = shutil.which("redis-server")
    if program is None:
        return {}
    from celery import Celery

    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        options = ["--bind", "127.0.0.1", "--port", str(port), "--dir", folder, "--appendonly", "yes"]
        with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as server:
            try:
                wait_until(lambda: is_listening(port), "the broker")
                url = f"redis://127.0.0.1:{port}/0"
                app = Celery(broker=url, backend=url)
                app.send_task("nothing", args=[{"warm": "up"}], queue="mining")
                wall, cpu, served = time.perf_counter(), time.process_time(), _cpu_of(server.pid)
                for number in range(MESSAGES):
                    app.send_task("nothing", args=[{"run": f"{number:0600}"}], queue="mining")
                sent_s, sender_s = time.perf_counter() - wall, time.process_time() - cpu
                _drain(app)
                return {
                    "broker_s": (_cpu_of(server.pid) - served) / MESSAGES,
                    "send_s": sent_s / MESSAGES,
                    "send_cpu_s": sender_s / MESSAGES,
                }
            finally:
                server.terminate()


def _drain(app: object) -> None:
    """Receive and acknowledge every message, as workers do."""
    with app.connection_for_read() as connection:  # type: ignore[attr-defined]
        queue = connection.SimpleQueue("mining")
        for _ in range(MESSAGES + 1):
            queue.get(timeout=10).ack()
        queue.close()


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
