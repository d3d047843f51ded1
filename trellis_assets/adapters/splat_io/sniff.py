"""Which format bytes are in, told by how they begin (PROTOCOL 9-17)."""

from trellis_assets.adapters.splat_io.errors import SplatFormatError
from trellis_assets.adapters.splat_io.frames import GZIP_MAGIC, ZSTD_MAGIC
from trellis_assets.adapters.splat_io.ply import PLY_MAGIC, read_ply
from trellis_assets.adapters.splat_io.spz import MAX_SPLATS, PAYLOAD_MAGIC
from trellis_assets.adapters.splat_io.spz_dialects import decode_any_spz
from trellis_assets.domain.splats.splats import GaussianSplats


def decode_splats(data: bytes, *, max_splats: int = MAX_SPLATS) -> GaussianSplats:
    """Return the model in `data`: PLY, or SPZ of any version, bare or in a zstd or gzip frame.

    Raises:
        SplatFormatError: neither, or broken; says what was found.
    """
    if data.startswith(PLY_MAGIC):
        return read_ply(data, max_splats=max_splats)
    if data.startswith((ZSTD_MAGIC, GZIP_MAGIC, PAYLOAD_MAGIC)):
        return decode_any_spz(data, max_splats=max_splats)
    if not data:
        raise SplatFormatError("neither PLY nor SPZ: no bytes at all")
    raise SplatFormatError(f"neither PLY nor SPZ: begins with {data[:24]!r}")
