"""Definitions whose runs take as long as they are told, and say who executed them."""

import os
import sys
import time

import dagster as dg


class Nap(dg.Config):
    seconds: float = 0.0
    fails: bool = False


@dg.op
def nap(context: dg.OpExecutionContext, config: Nap) -> None:
    sys.stdout.write(f"printed by {os.getpid()}\n")
    context.log.info("worker %d", os.getpid())
    time.sleep(config.seconds)
    if config.fails:
        raise dg.Failure("as it was told to")


@dg.job(executor_def=dg.in_process_executor)
def nap_job() -> None:
    nap()


defs = dg.Definitions(jobs=[nap_job])
