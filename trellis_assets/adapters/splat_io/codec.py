"""The port SplatCodec over this package."""

from trellis_assets.adapters.splat_io.ply import write_ply
from trellis_assets.adapters.splat_io.spz import encode_spz
from trellis_assets.domain.splats.splats import GaussianSplats


class BytesCodec:
    """Splats as the bytes to submit, and as PLY."""

    def encode_spz(self, splats: GaussianSplats) -> bytes:
        """Return one zstd frame around SPZ version 2.

        Raises:
            SplatFormatError: the format cannot hold the model.
        """
        return encode_spz(splats)

    def encode_ply(self, splats: GaussianSplats) -> bytes:
        """Return PLY in the strict layout of PROTOCOL 8.3."""
        return write_ply(splats)
