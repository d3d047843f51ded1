"""A run-failure sensor that also reports failures from shortly before its first tick."""

import time

import dagster as dg
from dagster._core.definitions.run_status_sensor_definition import RunStatusSensorCursor
from dagster._core.definitions.sensor_definition import SensorExecutionData

# The first runs of a session can fail before the sensor's first tick.
FIRST_TICK_LOOKBACK_S = 600.0


class LookbackFailureSensor(dg.RunStatusSensorDefinition):
    """Report failed runs as Dagster's own sensor does, from `FIRST_TICK_LOOKBACK_S` before the first tick.

    Dagster's own first tick sets the cursor to the newest event, so that earlier failures are never seen.
    """

    def evaluate_tick(self, context: dg.SensorEvaluationContext) -> SensorExecutionData:
        """Set the cursor before the first recent failure if there is none, then evaluate."""
        if context.cursor is None:
            recent = dg.RunStatusChangeRecordsFilter(
                event_type=dg.DagsterEventType.RUN_FAILURE,
                after_timestamp=time.time() - FIRST_TICK_LOOKBACK_S,
            )
            found = context.instance.fetch_run_status_changes(recent, limit=1, ascending=True).records
            if found:
                before = RunStatusSensorCursor(record_id=found[0].storage_id - 1)  # type: ignore[no-untyped-call]
                context.update_cursor(before.to_json())
        return super().evaluate_tick(context)
