"""The same ops over the same store, as one would first write them in Dagster, with all its defaults.

A sensor with the default interval (30 s) polls within its tick; a run per task goes through the default
queue (looked at every 5 s) and launcher (a process per run) to the default executor (a process per op).
"""

import asyncio

import dagster as dg

from trellis_assets.defs.ops import generate, submit, validate
from trellis_assets.defs.resources import RESOURCES, SubnetResource
from trellis_assets.domain.tasks import WORKABLE_STATES


@dg.job
def mine_one_task() -> None:
    """Mine one task, from its pull to its feedback."""
    submit(validate(generate()))


@dg.sensor(job=mine_one_task, default_status=dg.DefaultSensorStatus.RUNNING)
def poll_validators(subnet: SubnetResource) -> list[dg.RunRequest]:
    """Request a run per task; Dagster starts a run key once, so that requesting it again is harmless."""
    parts = subnet.get()
    asyncio.run(parts.poll_validators_step().run())
    return [
        dg.RunRequest(
            run_key=task.run_key, run_config={"ops": {"generate": {"config": {"task_key": task.key}}}}
        )
        for task in parts.store.tasks.in_states(WORKABLE_STATES)
    ]


defs = dg.Definitions(jobs=[mine_one_task], sensors=[poll_validators], resources=dict(RESOURCES))
