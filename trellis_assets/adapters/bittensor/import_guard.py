"""The bittensor library, imported so that it leaves this process's arguments, logs and threads alone.

On import it would parse `sys.argv`, take the handlers off every logger there is and let them say
nothing below CRITICAL: the audit trail of pulls and submissions, and Dagster's own logs. It would also start
two threads that carry its log lines through a queue; a process with threads must not fork.
"""

import atexit
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import QueueHandler
from typing import Any

os.environ.setdefault("BT_NO_PARSE_CLI_ARGS", "1")


@contextmanager
def loggers_kept() -> Iterator[None]:
    """Restore the level and the handlers of every logger when the block ends.

    A handler that another thread adds meanwhile stays too.
    """
    known = [x for x in logging.root.manager.loggerDict.values() if isinstance(x, logging.Logger)]
    before = [(logger, logger.level, list(logger.handlers)) for logger in (logging.root, *known)]
    try:
        yield
    finally:
        for logger, level, handlers in before:
            logger.setLevel(level)
            logger.handlers = [*handlers, *(h for h in logger.handlers if h not in handlers)]


@contextmanager
def no_folders_made() -> Iterator[None]:
    """Keep the import from making `~/.bittensor`, which fails where the home cannot be written."""
    before = os.environ.get("READ_ONLY")
    os.environ["READ_ONLY"] = "1"
    try:
        yield
    finally:
        del os.environ["READ_ONLY"]
        if before is not None:
            os.environ["READ_ONLY"] = before


def _log_without_threads(machine: Any) -> None:
    """End the two threads of bittensor's logs; what it logs goes to this process's handlers instead."""
    atexit.unregister(machine._listener.stop)  # noqa: SLF001 - it has no public way to stop
    machine._listener.stop()  # noqa: SLF001
    logger = logging.getLogger("bittensor")
    logger.handlers = [each for each in logger.handlers if not isinstance(each, QueueHandler)]
    machine._queue.close()  # noqa: SLF001
    machine._queue.join_thread()  # noqa: SLF001


with loggers_kept(), no_folders_made():
    import bittensor as bt

_log_without_threads(bt.logging)

__all__ = ["bt"]
