"""The subnet's validators, as listed in the metagraph."""

from datetime import timedelta

import dagster as dg

from trellis_assets.defs.metadata import OWNERS, Materialized, column_schema
from trellis_assets.defs.resources import SubnetResource
from trellis_assets.domain.columns.other_columns import NEURON_COLUMNS


@dg.asset(
    group_name="subnet",
    kinds={"bittensor", "sql"},
    owners=OWNERS,
    metadata=column_schema(NEURON_COLUMNS),
    description="The neurons of the subnet's metagraph, in the store. The sensor polls some of them.",
)
def validators(subnet: SubnetResource) -> Materialized:
    """Read the metagraph into the store.

    Raises:
        MetagraphError: it cannot be read; the stored one stays.
    """
    # A session reads it at its start: the chain is not read again a moment later.
    listed = subnet.get().refresh_validators_step().run(max_age=timedelta(minutes=2))
    serving = [v for v in listed if v.is_serving]
    return dg.MaterializeResult(
        metadata={
            "neurons": len(listed),
            "serving": len(serving),
            "with_permit": sum(v.validator_permit for v in serving),
            "total_stake": round(sum(v.stake for v in serving), 3),
        }
    )
