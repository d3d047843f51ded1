"""Memory of the GPU that nobody needs any more."""


def release_memory() -> None:
    """Give memory of what nobody holds any more back to the device."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
