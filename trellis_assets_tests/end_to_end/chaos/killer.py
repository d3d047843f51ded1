"""Carry out a plan: wait for each point, kill, and restart what nothing else would restart."""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import psutil

from trellis_assets_tests.end_to_end.chaos.audit import busy_processes
from trellis_assets_tests.end_to_end.chaos.cluster import Cluster
from trellis_assets_tests.end_to_end.chaos.evidence import Kill, read_trail
from trellis_assets_tests.end_to_end.chaos.plan import Planned
from trellis_assets_tests.end_to_end.chaos.roles import Role
from trellis_assets_tests.end_to_end.chaos.service import Service

LOOK_EVERY_S = 0.1
# No victim of the wanted role for so long: whoever works now is taken instead.
VICTIM_TIMEOUT_S = 20.0
BACK_TIMEOUT_S = 90.0
# Of the workers that are killed, so many are taken in the middle of a task; the others at rest or starting.
BUSY_SHARE = 0.75
# Who starts services again takes this long at most: the `RestartSec` of our units.
MAX_RESTART_S = 10.0

Members = list[tuple[psutil.Process, Role]]


@dataclass
class Killer:
    """Carries out one plan.

    Attributes:
        wait_finished: returns once so many tasks have ended; False: nothing moves.
    """

    cluster: Cluster
    chance: random.Random
    wait_finished: Callable[[int], bool]
    say: Callable[[str], None]

    def carry_out(self, plan: list[Planned]) -> list[Kill]:
        """Return the kills, each made at its point; fewer if the miner makes no progress."""
        kills: list[Kill] = []
        for planned in plan:
            if not self.wait_finished(planned.after_finished):
                break
            time.sleep(planned.rest_s)
            is_server = planned.role in self.cluster.servers
            kill = self._kill_server(planned.role) if is_server else self._kill(planned.role)
            self.say(
                f"killed the {kill.role} ({', '.join(map(str, kill.pids))}); back after {kill.back_after_s}"
            )
            kills.append(kill)
        return kills

    def _kill_server(self, role: Role) -> Kill:
        server = self.cluster.servers[role]
        at, pid = time.time(), server.pid
        server.kill()
        time.sleep(self.chance.uniform(0.0, MAX_RESTART_S))
        server.start()
        return Kill(at, role, (pid,), round(time.time() - at, 1))

    def _kill(self, role: Role) -> Kill:
        victims = self._victims(role)
        role = victims[0][1] if role is not Role.MACHINE else role
        pids = {process.pid for process, _ in victims}
        at = time.time()
        for process, _ in victims:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        if role is Role.MACHINE:
            self.cluster.kill_all()
        for service in self._services(role, pids):
            assert service.process is not None
            service.process.wait()
        if role is Role.CELERY_WORKER:
            # Others may take over first.
            time.sleep(self.chance.uniform(0.0, MAX_RESTART_S))
        self.cluster.start()
        return Kill(at, role, tuple(pids), self._back_after(role, pids, at))

    def _services(self, role: Role, pids: set[int]) -> list[Service]:
        """Return the services that the kill ended and that only an operator restarts."""
        ended = [s for s in self.cluster.services if s.process is not None and s.process.pid in pids]
        return list(self.cluster.services) if role is Role.MACHINE else ended

    def _victims(self, role: Role) -> Members:
        """Return one live process of the role with those that end with it; all of them for the machine."""
        deadline = time.monotonic() + VICTIM_TIMEOUT_S
        while True:
            members = self.cluster.members()
            if role is Role.MACHINE and members:
                return members
            if wanted := self._wanted(role, members):
                return self._with_forks(self.chance.choice(wanted), members)
            anyone = [m for m in members if m[1] is not Role.BYSTANDER]
            if time.monotonic() > deadline and anyone:
                return self._with_forks(anyone[0], members)
            time.sleep(LOOK_EVERY_S)

    def _wanted(self, role: Role, members: Members) -> Members:
        wanted = [m for m in members if m[1] is role]
        if role is Role.SUPERVISOR:
            return [m for m in wanted if self._services(role, {m[0].pid})]
        if role is Role.WORKER and self.chance.random() < BUSY_SHARE:
            busy = busy_processes(read_trail(self.cluster.logs))
            return [m for m in wanted if m[0].pid in busy]
        return wanted

    @staticmethod
    def _with_forks(victim: tuple[psutil.Process, Role], members: Members) -> Members:
        """Return the processes with a Celery worker's forks, which do not outlive it."""
        process, role = victim
        if role is not Role.CELERY_WORKER:
            return [victim]
        with suppress(psutil.NoSuchProcess):
            forks = {child.pid for child in process.children(recursive=True)}
            return [victim, *(m for m in members if m[0].pid in forks)]
        return [victim]

    def _back_after(self, role: Role, old: set[int], at: float) -> float | None:
        if role is Role.WORKER:
            return 0.0
        awaited = Role.SUPERVISOR if role is Role.MACHINE else role
        while time.time() - at < BACK_TIMEOUT_S:
            if any(r is awaited and p.pid not in old for p, r in self.cluster.members()):
                return round(time.time() - at, 1)
            time.sleep(LOOK_EVERY_S)
        return None
