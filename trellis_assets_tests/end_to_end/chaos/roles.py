"""Which part of the miner a process is, by its command line."""

from collections.abc import Sequence
from enum import StrEnum


class Role(StrEnum):
    """A part of the miner that can be killed.

    The machine is every process of the miner and of its Celery workers at once; a bystander falls with
    it only. With Celery, a worker is a process that executes runs, and the Celery worker the one that
    started it and that it does not outlive.
    """

    SUPERVISOR = "supervisor"
    CODE_SERVER = "code server"
    DAEMON = "daemon"
    SERVER = "generation server"
    WORKER = "worker"
    CELERY_WORKER = "Celery worker"
    BROKER = "broker"
    DATABASE = "database"
    MACHINE = "machine"
    BYSTANDER = "bystander"


# Of each child of the supervisor, the words that no other one has on its command line.
_MARKS = (
    ("trellis_assets.cli mine", Role.SUPERVISOR),
    ("trellis_assets.cli server", Role.SERVER),
    ("trellis_assets.cli worker", Role.CELERY_WORKER),
    ("dagster._daemon", Role.DAEMON),
    ("dagster api grpc", Role.CODE_SERVER),
)
# Python's own process that forgets shared memory, and Dagster's that copy a run's output to a file.
_BYSTANDERS = ("multiprocessing.resource_tracker", "tail -F", "watch_orphans")


def role_of(command: Sequence[str]) -> Role:
    """Return the part that a process is: an unknown one works on tasks."""
    line = " ".join(command)
    if not line or any(mark in line for mark in _BYSTANDERS):
        return Role.BYSTANDER
    return next((role for mark, role in _MARKS if mark in line), Role.WORKER)
