"""Who executes runs: the live workers, by what they answer themselves."""

import logging
import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

_log = logging.getLogger(__name__)

# What Celery raises where the broker cannot be reached.
AWAY = (OSError, OperationalError, RedisError)
# A look takes as long as workers are given to answer.
ANSWERS_WITHIN_S = 2.0
LOOK_EVERY_S = 4.0
# Two looks that a busy worker did not answer in time.
GONE_AFTER_S = 12.0


def reach_broker(app: Celery, within_s: float) -> None:
    """Somebody answers at the broker's address.

    Raises:
        one of AWAY: nobody does.
    """
    with app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, timeout=within_s)


def told_away(error: BaseException) -> str:
    """What AWAY means. Its own text may hold the URL with its password: only its type is told."""
    return f"the broker of runs cannot be reached ({type(error).__name__})"


def served_queues(app: Celery, within_s: float = ANSWERS_WITHIN_S) -> dict[str, frozenset[str]]:
    """The queues of each live worker, by its name.

    Raises:
        one of AWAY: the broker cannot be reached.
    """
    answers = app.control.inspect(timeout=within_s).active_queues() or {}
    return {worker: frozenset(queue["name"] for queue in listed) for worker, listed in answers.items()}


def hands(app: Celery, within_s: float = ANSWERS_WITHIN_S) -> dict[str, int]:
    """How many runs each live worker executes at a time, by its name.

    Raises:
        one of AWAY: the broker cannot be reached.
    """
    answers = app.control.inspect(timeout=within_s).stats() or {}
    return {worker: int(said["pool"]["max-concurrency"]) for worker, said in answers.items()}


@dataclass(slots=True)
class Workforce:
    """Which queues have a worker, asked for in the background: no task waits for the answers."""

    app: Celery
    _seen: dict[str, float] = field(default_factory=dict)
    _looked_at: float = -math.inf
    _look: threading.Thread | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def serves(self, queues: Sequence[str]) -> Sequence[str]:
        """Those of the queues with a live worker, as far as was heard up to now."""
        now = time.monotonic()
        with self._lock:
            if self._look is None and now - self._looked_at > LOOK_EVERY_S:
                self._look = threading.Thread(target=self._ask, name="workforce", daemon=True)
                self._look.start()
            return [queue for queue in queues if now - self._seen.get(queue, -math.inf) < GONE_AFTER_S]

    def _ask(self) -> None:
        found: set[str] = set()
        try:
            found.update(*served_queues(self.app).values())
        except AWAY as error:
            _log.warning("the broker does not answer: %s", type(error).__name__)
        finally:
            with self._lock:
                self._looked_at, self._look = time.monotonic(), None
                self._seen |= dict.fromkeys(found, time.monotonic())
