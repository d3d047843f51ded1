"""When who is killed: drawn from a seed before anything runs."""

import random
from dataclasses import dataclass

from trellis_assets_tests.end_to_end.chaos.roles import Role

# How often each part is drawn, once every part has had its turn.
WEIGHTS = {
    Role.WORKER: 8,
    Role.SERVER: 3,
    Role.CODE_SERVER: 3,
    Role.DAEMON: 3,
    Role.SUPERVISOR: 1,
    Role.MACHINE: 2,
}
# A kill waits this long at most after its point in the session, so that it lands anywhere in a task.
MAX_REST_S = 4.0


@dataclass(frozen=True, slots=True)
class Planned:
    """Kill `role`, `rest_s` after this many tasks have their final state."""

    role: Role
    after_finished: int
    rest_s: float


def plan_kills(seed: int, kills: int, tasks: int) -> list[Planned]:
    """`kills` of them in order, over the first nine tenths of the tasks; every role, if there is room."""
    chance = random.Random(seed)
    roles = [Role.WORKER, Role.SERVER, Role.CODE_SERVER, Role.DAEMON, Role.MACHINE, Role.SUPERVISOR][:kills]
    roles += chance.choices(list(WEIGHTS), weights=list(WEIGHTS.values()), k=kills - len(roles))
    chance.shuffle(roles)
    points = sorted(chance.randint(1, max(1, tasks * 9 // 10)) for _ in roles)
    return [
        Planned(role, point, chance.uniform(0.0, MAX_REST_S))
        for role, point in zip(roles, points, strict=True)
    ]
