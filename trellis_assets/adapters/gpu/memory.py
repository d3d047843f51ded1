"""Memory of the GPU: how much is used, and giving back what is not."""

from trellis_assets.domain.generation_requests import GpuMemory


def release_memory() -> None:
    """Give memory that is no longer used back to the device."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def memory_of(device: str) -> GpuMemory | None:
    """Return the memory of the device in bytes; None where it is not a GPU that works here."""
    import torch

    if not device.startswith("cuda") or not torch.cuda.is_available():
        return None
    free, total = torch.cuda.mem_get_info(device)
    return GpuMemory(
        device=torch.cuda.get_device_name(device),
        allocated=torch.cuda.memory_allocated(device),
        reserved=torch.cuda.memory_reserved(device),
        free=free,
        total=total,
    )
