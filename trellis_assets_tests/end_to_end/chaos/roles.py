"""Which part of the miner a process is, told from its command line."""

from collections.abc import Sequence
from enum import StrEnum


class Role(StrEnum):
    """A victim. The machine is every process of the miner at once."""

    SUPERVISOR = "supervisor"
    CODE_SERVER = "code server"
    DAEMON = "daemon"
    SERVER = "generation server"
    WORKER = "worker"
    MACHINE = "machine"


# Of each child of the supervisor, the words that no other one has on its command line.
_MARKS = (
    ("trellis_assets.cli mine", Role.SUPERVISOR),
    ("trellis_assets.cli server", Role.SERVER),
    ("dagster._daemon", Role.DAEMON),
    ("dagster api grpc", Role.CODE_SERVER),
)
# Python's own process that forgets shared memory; killing it kills nothing of ours.
_BYSTANDER = "multiprocessing.resource_tracker"


def role_of(command: Sequence[str]) -> Role | None:
    """The part that a process is: one that is not known works on tasks. None: nobody's victim."""
    line = " ".join(command)
    if not line or _BYSTANDER in line:
        return None
    return next((role for mark, role in _MARKS if mark in line), Role.WORKER)
