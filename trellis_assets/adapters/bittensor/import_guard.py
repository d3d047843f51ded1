"""The bittensor library, imported so that it leaves this process's arguments and logs alone.

On import it would parse `sys.argv`, take the handlers off every logger there is and let them say
nothing below CRITICAL: the audit trail of pulls and submissions, and Dagster's own logs.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

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


with loggers_kept(), no_folders_made():
    import bittensor as bt

__all__ = ["bt"]
