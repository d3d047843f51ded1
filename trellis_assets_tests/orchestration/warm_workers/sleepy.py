"""Runs that take as long as they are told, or until a file is there, and say who executed them."""

import os
import sys
import time
from pathlib import Path

import dagster as dg

from trellis_assets.domain.heartbeats import Stage
from trellis_assets.system.stages import enter_stage


class Nap(dg.Config):
    seconds: float = 0.0
    until: str = ""
    fails: bool = False
    submits: bool = False


@dg.op
def nap(context: dg.OpExecutionContext, config: Nap) -> None:
    sys.stdout.write(f"printed by {os.getpid()}\n")
    context.log.info("worker %d", os.getpid())
    if config.submits:
        enter_stage(Stage.SUBMITTING)
    ends_at = time.monotonic() + config.seconds
    while time.monotonic() < ends_at and not (config.until and Path(config.until).exists()):
        time.sleep(min(0.05, config.seconds))
    if config.fails:
        raise dg.Failure("as it was told to")


@dg.job(executor_def=dg.in_process_executor)
def nap_job() -> None:
    nap()


defs = dg.Definitions(jobs=[nap_job])
