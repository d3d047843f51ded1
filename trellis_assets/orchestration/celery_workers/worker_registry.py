"""Registry of the live Celery workers, by what they answer themselves."""

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
# Workers get this long to answer; each check takes as long.
ANSWERS_WITHIN_S = 2.0
CHECK_EVERY_S = 4.0
# A busy worker may fail to answer two checks in time.
GONE_AFTER_S = 12.0


def reach_broker(app: Celery, within_s: float) -> None:
    """Return if the broker answers.

    Raises:
        one of AWAY: it does not.
    """
    with app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, timeout=within_s)


def describe_broker_error(error: BaseException) -> str:
    """Return what an error of AWAY means, without its text, which may hold the URL with its password."""
    return f"the broker of runs cannot be reached ({type(error).__name__})"


def served_queues(app: Celery, within_s: float = ANSWERS_WITHIN_S) -> dict[str, frozenset[str]]:
    """Return the queues of each live worker, by its name.

    Raises:
        one of AWAY: the broker cannot be reached.
    """
    answers = app.control.inspect(timeout=within_s).active_queues() or {}
    return {worker: frozenset(queue["name"] for queue in listed) for worker, listed in answers.items()}


def concurrency_of(app: Celery, within_s: float = ANSWERS_WITHIN_S) -> dict[str, int]:
    """Return the concurrency of each live worker (runs at a time), by its name.

    Raises:
        one of AWAY: the broker cannot be reached.
    """
    answers = app.control.inspect(timeout=within_s).stats() or {}
    return {worker: int(said["pool"]["max-concurrency"]) for worker, said in answers.items()}


@dataclass(slots=True)
class WorkerRegistry:
    """Knows which queues have a worker; checks in the background, so that no task waits for answers."""

    app: Celery
    _seen: dict[str, float] = field(default_factory=dict)
    _checked_at: float = -math.inf
    _check: threading.Thread | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def serves(self, queues: Sequence[str]) -> Sequence[str]:
        """Return those of the queues that had a live worker at the last checks."""
        now = time.monotonic()
        with self._lock:
            if self._check is None and now - self._checked_at > CHECK_EVERY_S:
                self._check = threading.Thread(target=self._query, name="worker-registry", daemon=True)
                self._check.start()
            return [queue for queue in queues if now - self._seen.get(queue, -math.inf) < GONE_AFTER_S]

    def _query(self) -> None:
        found: set[str] = set()
        try:
            found.update(*served_queues(self.app).values())
        except AWAY as error:
            _log.warning("the broker does not answer: %s", type(error).__name__)
        finally:
            with self._lock:
                self._checked_at, self._check = time.monotonic(), None
                self._seen |= dict.fromkeys(found, time.monotonic())
