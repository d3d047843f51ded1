"""The plan: which process is killed when, drawn from a seed before anything runs."""

import random
from collections.abc import Mapping
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
# Where Celery workers execute the runs.
WEIGHTS_WITH_WORKERS = WEIGHTS | {Role.CELERY_WORKER: 4, Role.BROKER: 3, Role.DATABASE: 3}
# A kill waits this long at most after its point in the session, so that it lands anywhere in a task.
MAX_REST_S = 4.0


@dataclass(frozen=True, slots=True)
class Planned:
    """Kill `role`, `rest_s` after this many tasks have their final state."""

    role: Role
    after_finished: int
    rest_s: float


def plan_kills(seed: int, kills: int, tasks: int, weights: Mapping[Role, int] = WEIGHTS) -> list[Planned]:
    """Return so many kills in order, over the first nine tenths of the tasks; every role, if possible."""
    chance = random.Random(seed)
    roles = list(weights)[:kills]
    roles += chance.choices(list(weights), weights=list(weights.values()), k=kills - len(roles))
    chance.shuffle(roles)
    points = sorted(chance.randint(1, max(1, tasks * 9 // 10)) for _ in roles)
    return [
        Planned(role, point, chance.uniform(0.0, MAX_REST_S))
        for role, point in zip(roles, points, strict=True)
    ]
