"""Recorded tasks, for learning."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    # Its module imports scipy, which every process with ports would then wait for.
    from trellis_assets.domain.learning.settled_tasks import SettledTask


class SettledTaskRepository(Protocol):
    """What became of tasks, without their prompts."""

    def newest(self, limit: int, *, before_key: int | None = None) -> "list[SettledTask]":
        """Return the newest settled tasks of validators that have a model, oldest first.

        Args:
            limit: of tasks.
            before_key: only tasks with a smaller key; None: all.
        """
        ...

    def get(self, key: int) -> "SettledTask":
        """Return one task, settled or not.

        Raises:
            StoreError: there is none.
        """
        ...
