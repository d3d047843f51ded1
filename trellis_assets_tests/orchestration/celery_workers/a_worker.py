"""A real Celery worker that only answers who it is: `python a_worker.py BROKER QUEUES HANDS NAME`."""

import sys

from celery import Celery

if __name__ == "__main__":
    broker, queues, concurrency, name = sys.argv[1:]
    options = ("--pool", "threads", "--loglevel", "ERROR", "--without-mingle", "--without-gossip")
    Celery(broker=broker).worker_main(
        ["worker", "--queues", queues, "--concurrency", concurrency, "--hostname", f"{name}@tests", *options]
    )
