"""The plan of kills follows from a seed, and each part is known by its command line."""

import itertools

import pytest

from trellis_assets_tests.end_to_end.chaos.plan import WEIGHTS, WEIGHTS_WITH_WORKERS, plan_kills
from trellis_assets_tests.end_to_end.chaos.roles import Role, role_of


def test_the_same_seed_kills_the_same_parts_at_the_same_points() -> None:
    assert plan_kills(5, 20, 200) == plan_kills(5, 20, 200)
    assert plan_kills(5, 20, 200) != plan_kills(6, 20, 200)


def test_every_part_has_its_turn_and_the_last_tasks_are_left_to_show_recovery() -> None:
    for seed, weights in itertools.product(range(20), (WEIGHTS, WEIGHTS_WITH_WORKERS)):
        plan = plan_kills(seed, len(weights), 16, weights)
        assert {kill.role for kill in plan} == set(weights)
        points = [kill.after_finished for kill in plan]
        assert points == sorted(points)
        assert points[-1] <= 14


@pytest.mark.parametrize(
    ("command", "role"),
    [
        ("python -m trellis_assets.cli mine --data-dir x", Role.SUPERVISOR),
        ("python -m trellis_assets.cli server --port 80", Role.SERVER),
        ("python -m trellis_assets.cli worker --queues left", Role.CELERY_WORKER),
        ("python -m dagster api grpc -m trellis_assets.definitions", Role.CODE_SERVER),
        ("python -m dagster._daemon run -w w.yaml", Role.DAEMON),
        ("python -c from multiprocessing.spawn import spawn_main", Role.WORKER),
        ("something that is not known yet", Role.WORKER),
        ("python -c from multiprocessing.resource_tracker import main", Role.BYSTANDER),
        ("tail -F -c +0 run.out", Role.BYSTANDER),
        ("", Role.BYSTANDER),
    ],
)
def test_a_part_is_told_by_its_command_line(command: str, role: Role) -> None:
    assert role_of(command.split()) is role
