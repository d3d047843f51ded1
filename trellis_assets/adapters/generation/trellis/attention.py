"""Choose the attention library that TRELLIS computes with, before it is imported."""

import importlib
from collections.abc import Callable, MutableMapping

# TRELLIS's own default comes first. Its sparse attention takes these two only: `sdpa` and `naive`,
# which its dense attention knows too, leave the sparse one with flash_attn.
LIBRARIES = ("flash_attn", "xformers")
NONE = (
    "TRELLIS has no attention library: its sparse attention needs flash_attn or xformers, made for this "
    "torch (run its setup.sh with --xformers; ATTN_BACKEND=sdpa is not enough)"
)


def choose_attention(
    environment: MutableMapping[str, str], import_module: Callable[[str], object] = importlib.import_module
) -> str | None:
    """Set the variables that TRELLIS reads to the first library that can be imported.

    What the environment says already is left alone. `ATTN_BACKEND` is for both kinds of attention;
    where it names one that the sparse kind lacks, `SPARSE_ATTN_BACKEND` is set as well.

    Returns:
        The library of the sparse attention; None where there is none.
    """
    named = environment.get("SPARSE_ATTN_BACKEND", environment.get("ATTN_BACKEND"))
    if named in LIBRARIES:
        return named
    found = next((name for name in LIBRARIES if _can_be_imported(name, import_module)), None)
    if found is not None:
        is_free = "ATTN_BACKEND" not in environment
        environment["ATTN_BACKEND" if is_free else "SPARSE_ATTN_BACKEND"] = found
    return found


def _can_be_imported(name: str, import_module: Callable[[str], object]) -> bool:
    try:
        import_module(name)
    # A library made for another torch raises ImportError, OSError, or whatever its kernels' loader does.
    except Exception:  # noqa: BLE001
        return False
    return True
