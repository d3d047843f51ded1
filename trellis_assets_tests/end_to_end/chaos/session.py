"""One chaos run: the subnet and the miner start, the plan's kills are carried out, the rest is audit."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from trellis_assets.adapters.storage.store import open_store
from trellis_assets.domain.tasks import FINAL_STATES
from trellis_assets.mining.processes import free_port
from trellis_assets_tests.end_to_end.chaos.evidence import (
    Evidence,
    Kill,
    collect,
    read_trail,
    runs_in_progress,
)
from trellis_assets_tests.end_to_end.chaos.findings import busy_processes
from trellis_assets_tests.end_to_end.chaos.miner import Miner, clean_environment
from trellis_assets_tests.end_to_end.chaos.plan import Planned, plan_kills
from trellis_assets_tests.end_to_end.chaos.roles import Role
from trellis_assets_tests.end_to_end.chaos.subnet import make_wallet, witnesses

LOOK_EVERY_S = 0.1
# No victim of the wanted role for so long: whoever works now is taken instead.
VICTIM_TIMEOUT_S = 20.0
BACK_TIMEOUT_S = 90.0
# Of the workers that are killed, so many are taken in the middle of a task; the others at rest or starting.
BUSY_SHARE = 0.75
# Nothing ended for so long: the miner stands still, and the audit shall say on what.
STILL_S = 240.0
STOP_TIMEOUT_S = 150.0
# Dagster closes runs of dead workers within this time.
RUNS_SETTLE_S = 45.0


@dataclass(frozen=True, slots=True)
class Chaos:
    """How much of it."""

    tasks: int
    kills: int
    seed: int
    validators: int = 6
    answer_delay_s: float = 0.5


def run_chaos(chaos: Chaos, folder: Path, say: Callable[[str], None]) -> Evidence:
    """What the run left behind. No process of it is alive afterwards."""
    subnet, home = folder / "subnet", folder / "miner"
    hotkey = make_wallet(folder / "wallets")
    environment = clean_environment()
    with witnesses(
        subnet, [hotkey], environment, validators=chaos.validators, answer_delay_s=chaos.answer_delay_s
    ) as metagraph:
        miner = Miner(home, _settings(folder, metagraph))
        miner.start()
        try:
            kills = _Killer(miner, random.Random(chaos.seed), say).carry_out(
                plan_kills(chaos.seed, chaos.kills, chaos.tasks)
            )
            _wait_finished(miner, chaos.tasks, say)
            ghosts = _ghosts(home)
            code = miner.stop(STOP_TIMEOUT_S)
            left = [f"{role} {process.pid}" for process, role in miner.members()]
            if code != 0:
                left.append(f"the miner ended with {code}: see {home / 'mine.log'}")
        finally:
            miner.kill_all()
    return collect(home, subnet, kills, ghosts=ghosts, left=left)


def _settings(folder: Path, metagraph: Path) -> dict[str, str]:
    return {
        "TRELLIS_NETWORK": f"file:{metagraph}",
        "TRELLIS_WALLET_PATH": str(folder / "wallets"),
        "TRELLIS_PULL_INTERVAL_S": "2",
        "TRELLIS_ERROR_BACKOFF_S": "5",
        "TRELLIS_GENERATOR_URLS": f"http://127.0.0.1:{free_port()}",
        "TRELLIS_STOP_TIMEOUT_S": str(STOP_TIMEOUT_S - 30),
    }


def finished_tasks(home: Path) -> int:
    """Tasks with a final state."""
    if not (home / "trellis.db").exists():
        return 0
    store = open_store(f"sqlite:///{home / 'trellis.db'}")
    try:
        return sum(count for state, count in store.count_by_state().items() if state in FINAL_STATES)
    finally:
        store.close()


def _wait_finished(miner: Miner, wanted: int, say: Callable[[str], None]) -> bool:
    """Whether so many tasks have ended; False if the miner stands still."""
    last, since = -1, time.monotonic()
    while (finished := finished_tasks(miner.folder)) < wanted:
        if finished != last:
            last, since = finished, time.monotonic()
            if finished % 10 == 0:
                say(f"{finished} tasks have ended")
        if time.monotonic() - since > STILL_S or not miner.is_alive:
            say(f"the miner stands still at {finished} of {wanted} tasks")
            return False
        time.sleep(1.0)
    return True


def _ghosts(home: Path) -> list[str]:
    """Runs in progress that were so for longer than a task takes, while nobody kills."""
    before = set(runs_in_progress(home))
    deadline = time.monotonic() + RUNS_SETTLE_S
    while before and time.monotonic() < deadline:
        time.sleep(1.0)
        before &= set(runs_in_progress(home))
    return sorted(before)


@dataclass
class _Killer:
    miner: Miner
    chance: random.Random
    say: Callable[[str], None]

    def carry_out(self, plan: list[Planned]) -> list[Kill]:
        """Each of them at its point; fewer if the miner stands still."""
        kills: list[Kill] = []
        for planned in plan:
            if not _wait_finished(self.miner, planned.after_finished, self.say):
                break
            time.sleep(planned.rest_s)
            kills.append(self._kill(planned.role))
        return kills

    def _kill(self, role: Role) -> Kill:
        victims = self._victims(role)
        role = victims[0][1] if role is not Role.MACHINE else role
        pids = tuple(process.pid for process, _ in victims)
        at = time.time()
        for process, _ in victims:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        if role is Role.MACHINE:
            self.miner.kill_all()
        if role in {Role.MACHINE, Role.SUPERVISOR}:
            assert self.miner.process is not None
            self.miner.process.wait(20)
            self.miner.start()
        back = self._back_after(role, set(pids), at)
        self.say(f"killed the {role} ({', '.join(map(str, pids))}); back after {back}")
        return Kill(at, role, pids, back)

    def _victims(self, role: Role) -> list[tuple[psutil.Process, Role]]:
        """One living process of the role, or all of them for the machine."""
        deadline = time.monotonic() + VICTIM_TIMEOUT_S
        while True:
            members = self.miner.members()
            if role is Role.MACHINE and members:
                return members
            wanted = [m for m in members if m[1] is role]
            if role is Role.SUPERVISOR:
                wanted = [m for m in wanted if self.miner.process and m[0].pid == self.miner.process.pid]
            if role is Role.WORKER and self.chance.random() < BUSY_SHARE:
                busy = busy_processes(read_trail(self.miner.folder / "logs"))
                wanted = [m for m in wanted if m[0].pid in busy]
            if wanted:
                return [self.chance.choice(wanted)]
            anyone = [m for m in members if m[1] is not Role.BYSTANDER]
            if time.monotonic() > deadline and anyone:
                return anyone[:1]
            time.sleep(LOOK_EVERY_S)

    def _back_after(self, role: Role, old: set[int], at: float) -> float | None:
        if role is Role.WORKER:
            return 0.0
        awaited = Role.SUPERVISOR if role is Role.MACHINE else role
        while time.time() - at < BACK_TIMEOUT_S:
            if any(r is awaited and p.pid not in old for p, r in self.miner.members()):
                return round(time.time() - at, 1)
            time.sleep(LOOK_EVERY_S)
        return None
