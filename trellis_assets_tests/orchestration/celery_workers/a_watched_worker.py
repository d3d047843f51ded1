"""A real Celery worker with one process, watched: `python a_watched_worker.py BROKER`."""

import os
import sys
import time
from pathlib import Path

from celery import Celery

from trellis_assets.domain.heartbeats import Stage
from trellis_assets.orchestration.celery_workers.process_watch import ProcessWatch
from trellis_assets.orchestration.warm_workers.pool import PoolLimits
from trellis_assets.system.stages import enter_stage

QUEUE = "mining"


def worker(broker: str) -> Celery:
    """Return the application, with the one task that the tests send."""
    app = Celery(broker=broker, backend=broker)

    @app.task(name="stay")
    def stay(stage: str, until: str) -> int:
        """Stay at the stage until the file is there; return the process that did."""
        enter_stage(Stage(stage))
        while until and not Path(until).exists():
            time.sleep(0.05)
        return os.getpid()

    return app


if __name__ == "__main__":
    ProcessWatch(
        PoolLimits(most=1, stages={Stage.GENERATING: 1.5}, waiting_after_s=0.3, most_waiting=2)
    ).start()
    worker(sys.argv[1]).worker_main(
        [
            *("worker", "--loglevel", "ERROR", "--pool", "prefork", "--disable-prefetch"),
            *("--queues", QUEUE, "--concurrency", "1", "--without-mingle", "--without-gossip"),
        ]
    )
