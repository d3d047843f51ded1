"""One GPU for the process, chosen before CUDA starts."""

import subprocess
import sys

import pytest

from trellis_assets.adapters.gpu.devices import DeviceError, give_one_gpu


@pytest.mark.parametrize(
    ("device", "shown", "expected"),
    [
        ("cuda:1", None, "1"),
        ("cuda", None, "0"),
        ("cuda:1", "2,3", "3"),
        ("cuda:0", "GPU-8f6d, GPU-99aa", "GPU-8f6d"),
    ],
)
def test_the_process_sees_only_its_gpu_and_calls_it_the_first(
    device: str, shown: str | None, expected: str
) -> None:
    environment = {} if shown is None else {"CUDA_VISIBLE_DEVICES": shown}
    assert give_one_gpu(device, environment) == "cuda:0"
    assert environment == {"CUDA_VISIBLE_DEVICES": expected, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def test_cpu_leaves_the_environment_unchanged() -> None:
    environment: dict[str, str] = {}
    assert give_one_gpu("cpu", environment) == "cpu"
    assert environment == {}


@pytest.mark.parametrize(
    ("device", "shown", "reason"),
    [
        ("cuda:2", "0,1", "not among the 2 GPUs"),
        ("cuda:0", "", "not among the 0 GPUs"),
        ("gpu1", None, "name cuda:0"),
        ("cuda:-1", None, "name cuda:0"),
    ],
)
def test_a_device_that_is_not_there_is_refused(device: str, shown: str | None, reason: str) -> None:
    environment = {} if shown is None else {"CUDA_VISIBLE_DEVICES": shown}
    with pytest.raises(DeviceError, match=reason):
        give_one_gpu(device, environment)


def test_the_server_chooses_its_gpu_before_torch_is_imported() -> None:
    """A child process, as the server is one: what torch will read is set while torch is not there yet."""
    code = """
import os, sys
from trellis_assets.servers.generation import command
def run(*args, **named):
    print(os.environ["CUDA_VISIBLE_DEVICES"], args[0]._device, "torch" in sys.modules)
command.run_generation_server = run
command.serve(host="127.0.0.1", port=1, backend="trellis", device="cuda:1", is_lazy=None)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["1", "cuda:0", "False"]
