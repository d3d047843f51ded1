"""Read the switch of the `task_sensor` in Dagster's UI, and evaluate the sensor while it is off.

A stopped sensor has no ticks, so nothing would start the runs of active tasks. The session's supervisor then
evaluates it as Dagster's daemon would: the sensor sees that it is stopped, polls nothing, and starts the runs
that are missing.
"""

import dagster as dg
import grpc
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import InstigatorStatus
from dagster._grpc.__generated__.dagster_api_pb2 import PingRequest
from dagster._grpc.__generated__.dagster_api_pb2_grpc import DagsterApiStub
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import SensorExecutionArgs

SENSOR_NAME = "task_sensor"
PAUSED = "paused: the task_sensor is stopped in the Dagster UI"
TURN_ON = "turn it on there: Automation, task_sensor"
_ANSWER_S = 20
_PING_S = 4.0


def is_stopped(instance: dg.DagsterInstance) -> bool:
    """Return whether the sensor was turned off; the switch survives restarts."""
    states = instance.all_instigator_state(
        instigator_type=InstigatorType.SENSOR, instigator_statuses={InstigatorStatus.STOPPED}
    )
    return any(state.instigator_name == SENSOR_NAME for state in states)


def paused_reason(instance: dg.DagsterInstance) -> str | None:
    """Return why no task is pulled while the sensor is stopped; None while it is on."""
    if not is_stopped(instance):
        return None
    return f"{PAUSED}; active tasks are finished"


def answers(port: int) -> bool:
    """Return whether the code server on this machine answers."""
    # Not with Dagster's client, whose ping waits for a minute.
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            DagsterApiStub(channel).Ping(  # type: ignore[no-untyped-call]
                PingRequest(echo=""), timeout=_PING_S
            )
        except grpc.RpcError:
            return False
    return True


def evaluate_sensor(instance: dg.DagsterInstance, *, port: int, location: str) -> None:
    """Evaluate the sensor once at the code server of this machine; ignore its run requests.

    Raises:
        DagsterUserCodeUnreachableError: the code server does not answer.
    """
    server = GrpcServerCodeLocationOrigin(host="127.0.0.1", port=port, location_name=location)
    arguments = SensorExecutionArgs(
        repository_origin=RemoteRepositoryOrigin(server, SINGLETON_REPOSITORY_NAME),
        instance_ref=instance.get_ref(),
        sensor_name=SENSOR_NAME,
        timeout=_ANSWER_S,
    )
    DagsterGrpcClient(host="127.0.0.1", port=port).external_sensor_execution(arguments)
