"""What torch, spconv and the CUDA libraries raise, as faults of the server with what to do."""

from trellis_assets.ports import BrokenGpuError, GenerationError

# After these every call of the process fails.
_BROKEN = (
    "illegal memory access",
    "device-side assert",
    "unspecified launch failure",
    "misaligned address",
    "uncorrectable ECC error",
    "hardware stack error",
)
_NO_GPU = ("Torch not compiled with CUDA", "Found no NVIDIA driver", "No CUDA GPUs are available")
_GPU = ("CUDA", "cublas", "cudnn", "cusolver", "spconv", "cumm", "flash_attn", "xformers", "HIP error")


def is_gpu_fault(error: BaseException) -> bool:
    """Return whether the error is of the GPU or of a library that works on it, whatever was asked."""
    text = str(error).lower()
    return any(word.lower() in text for word in (*_BROKEN, *_NO_GPU, *_GPU))


def gpu_fault(error: BaseException, *, is_repeated: bool) -> GenerationError:
    """Return the fault: passing at first, since unloading often helps; lasting when it comes again.

    Args:
        error: for which `is_gpu_fault` holds.
        is_repeated: the try before ended so too, and everything was unloaded in between.
    """
    first = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
    if any(word in str(error) for word in _BROKEN):
        return BrokenGpuError(f"the GPU's context is broken ({first}): the server must be restarted")
    if any(word in str(error) for word in _NO_GPU):
        text = f"there is no GPU for TRELLIS ({first}): look at nvidia-smi, and install torch with CUDA"
        return GenerationError(text, is_transient=False)
    if is_repeated:
        text = f"the GPU failed again after everything was unloaded ({first}): see the server's log"
        return GenerationError(text, is_transient=False)
    return GenerationError(f"the GPU failed ({first}): everything was unloaded", is_transient=True)
