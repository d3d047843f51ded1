"""Give the process one GPU: TRELLIS builds tensors on the current device, whatever its pipeline is on."""

import re
import sys
from collections.abc import MutableMapping

_CUDA = re.compile(r"cuda(?::(\d{1,3}))?")


class DeviceError(ValueError):
    """The device cannot be used; the text says which can."""


def give_one_gpu(device: str, environment: MutableMapping[str, str]) -> str:
    """Make the device the only GPU that CUDA shows to this process, and return its name there.

    `pipeline.to("cuda:1")` is not enough: `.cuda()` and `device='cuda'` within TRELLIS mean the current
    device of the thread, which is the first one, so that one model's tensors would lie on two cards.
    CUDA reads the variables when it starts: this must come before it. GPUs are numbered as nvidia-smi
    numbers them, among those that the environment allows: with CUDA_VISIBLE_DEVICES=2,3 `cuda:1` is the
    machine's GPU 3.

    Args:
        device: cpu, cuda, or cuda:N.
        environment: of this process.

    Returns:
        cpu, or cuda:0.

    Raises:
        DeviceError: another name, a number that the environment does not allow, or CUDA has started.
    """
    if device == "cpu":
        return device
    match = _CUDA.fullmatch(device)
    if match is None:
        raise DeviceError(f"{device!r} is not a device: name cuda:0, cuda:1, … or cpu")
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        raise DeviceError("CUDA has started already: choose the device before anything uses CUDA")
    number = int(match[1] or 0)
    environment.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    shown = environment.get("CUDA_VISIBLE_DEVICES")
    if shown is None:
        environment["CUDA_VISIBLE_DEVICES"] = str(number)
        return "cuda:0"
    allowed = [name.strip() for name in shown.split(",") if name.strip()]
    if number >= len(allowed):
        raise DeviceError(f"{device} is not among the {len(allowed)} GPUs of CUDA_VISIBLE_DEVICES={shown}")
    environment["CUDA_VISIBLE_DEVICES"] = allowed[number]
    return "cuda:0"
