"""Orientation: which way up a generator's models are.

TRELLIS makes models with +Z up. Its `save_ply` turns (x, y, z) to (x, -z, y), which the validators'
cameras (+Y up) see upside down; models of such files, or in TRELLIS's own axes, must be turned.
"""

from trellis_assets.system.compat import StrEnum

# In which a generation server says how the model in its answer stands.
ORIENTATION_HEADER = "x-model-orientation"


class Orientation(StrEnum):
    """How a generator's models stand in the coordinates that it gives."""

    AS_IS = "as-is"  # +Y up, as validators draw them
    TRELLIS_PLY = "trellis-ply"  # -Y up: what TRELLIS's save_ply writes
    Z_UP = "z-up"  # TRELLIS's own axes
