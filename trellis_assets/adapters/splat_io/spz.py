"""SPZ versions 1 and 2 as the subnet's validators read them, and version 2 as they want it (PROTOCOL 8).

What other tools write (versions 3 and 4, extension records, padding) is read by `spz_dialects`.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trellis_assets.adapters.splat_io import quantisation as q
from trellis_assets.adapters.splat_io.errors import SplatFormatError
from trellis_assets.adapters.splat_io.frames import gzip_frame, open_frame, zstd_frame
from trellis_assets.domain.splats.splats import SH_REST_BY_DEGREE, FloatArray, GaussianSplats

MAGIC = 0x5053474E
PAYLOAD_MAGIC = b"NGSP"
VERSION = 2
VERSION_FLOAT16_POSITIONS = 1
SUBNET_VERSIONS = (VERSION_FLOAT16_POSITIONS, VERSION)
FRACTIONAL_BITS = 12
# More fits into no 24-bit number, and the shift would overflow.
_MAX_FRACTIONAL_BITS = 23
# What the subnet's decoder accepts.
MAX_SPLATS = 10_000_000
HEADER_SIZE = 16
_HEADER = struct.Struct("<IIIBBBB")
_FLAG_EXTENSIONS = 0x2
# Degree 4 exists since version 3. What lies beyond degree 3 is read and dropped.
_SH_REST_OF_LATER_VERSIONS = {4: 24}
_MAX_SH_REST = 15
_POSITION_LIMIT = 2**23 / 2**FRACTIONAL_BITS


@dataclass(frozen=True, slots=True)
class SpzHeader:
    """The header of a payload, its numbers checked against bounds.

    Attributes:
        count: splats.
        sh_rest: SH coefficients per colour beyond the constant one.
        has_extensions: extension records follow the body.
    """

    version: int
    count: int
    sh_rest: int
    fractional_bits: int
    has_extensions: bool = False

    @property
    def widths(self) -> tuple[int, ...]:
        """Return the bytes per splat of positions, alphas, colours, scales, rotations and SH coefficients."""
        positions = 6 if self.version == VERSION_FLOAT16_POSITIONS else 9
        rotations = 3 if self.version in SUBNET_VERSIONS else 4
        return positions, 1, 3, 3, rotations, 3 * self.sh_rest

    @property
    def body_size(self) -> int:
        """Return the bytes of all attributes."""
        return self.count * sum(self.widths)


def encode_spz(splats: GaussianSplats) -> bytes:
    """Return the model as the bytes to submit: one zstd frame around a version 2 payload.

    Raises:
        SplatFormatError: the format cannot hold the model; it says what to mend.
    """
    return zstd_frame(encode_payload(splats))


def encode_gzip_spz(splats: GaussianSplats) -> bytes:
    """Return the model in the frame that viewers know (Niantic's), around the same payload.

    Raises:
        SplatFormatError: the format cannot hold the model; it says what to mend.
    """
    return gzip_frame(encode_payload(splats))


def encode_payload(splats: GaussianSplats) -> bytes:
    """Return the model as a bare version 2 payload.

    The subnet's C++ encoder gives the same bytes but for rare values on the border between two steps,
    where its `exp` and ours round differently: those bytes differ by one step.

    Raises:
        SplatFormatError: the format cannot hold the model; it says what to mend.
    """
    norms = _check_encodable(splats)
    header = _HEADER.pack(MAGIC, VERSION, len(splats), splats.sh_degree, FRACTIONAL_BITS, 0, 0)
    with np.errstate(over="ignore"):
        attributes = [
            q.encode_positions(splats.positions, FRACTIONAL_BITS),
            q.encode_alphas(splats.opacity_logits),
            q.encode_colours(splats.sh_dc),
            q.encode_log_scales(splats.log_scales),
            q.encode_rotations(splats.rotations, norms),
            q.encode_sh(splats.sh_rest),
        ]
    return b"".join([header, *(attribute.tobytes() for attribute in attributes)])


def decode_spz(data: bytes, *, max_splats: int = MAX_SPLATS) -> GaussianSplats:
    """Return the model in `data`, a payload bare, in a zstd frame or in a gzip frame, as validators read it.

    Memory is bounded by what the data really holds and by `max_splats`, never by what its headers
    merely claim.

    Raises:
        SplatFormatError: broken, truncated, too long, of another version than 1 and 2, or too many splats.
    """
    reader = open_frame(data)
    header = parse_header(reader.read_exactly(HEADER_SIZE), max_splats, SUBNET_VERSIONS)
    size = HEADER_SIZE + header.body_size
    if reader.content_size is not None and reader.content_size != size:
        raise SplatFormatError(f"payload has {reader.content_size} bytes, {header.count} splats need {size}")
    body = reader.read_exactly(header.body_size)
    reader.expect_end()
    return decode_body(np.frombuffer(body, np.uint8), header)


def _check_encodable(splats: GaussianSplats) -> FloatArray:
    """Return the (N,) norms of the rotations, all usable.

    Raises:
        SplatFormatError: the format cannot hold the model.
    """
    if not 1 <= len(splats) <= MAX_SPLATS:
        raise SplatFormatError(f"SPZ holds 1 to {MAX_SPLATS} splats, the model has {len(splats)}")
    for name in ("positions", "rotations", "sh_dc", "sh_rest"):
        if not np.isfinite(getattr(splats, name)).all():
            raise SplatFormatError(f"{name} holds NaN or infinite values: prepare the model first")
    # A flat splat has the log scale -inf along one axis; it is stored as the least one, -10.
    if not (splats.log_scales < np.inf).all():
        raise SplatFormatError("log_scales holds NaN or +inf: prepare the model first")
    if np.isnan(splats.opacity_logits).any():
        raise SplatFormatError("opacity_logits holds NaN: prepare the model first")
    # Half a step less at the upper end: it would be rounded up to the limit, and wrap.
    upper = _POSITION_LIMIT - 0.5 / 2**FRACTIONAL_BITS
    if ((splats.positions < -_POSITION_LIMIT) | (splats.positions >= upper)).any():
        raise SplatFormatError(
            f"positions leave +-{_POSITION_LIMIT:.0f}, where SPZ would wrap them: scale the model down"
        )
    with np.errstate(over="ignore", under="ignore"):
        norms: FloatArray = np.sqrt((splats.rotations * splats.rotations).sum(axis=1))
    if not (np.isfinite(norms) & (norms > 0)).all():
        raise SplatFormatError("rotations holds quaternions without length: prepare the model first")
    return norms


def parse_header(data: bytes | bytearray, max_splats: int, versions: Sequence[int]) -> SpzHeader:
    """Return the header in 16 bytes; any other version than `versions` is refused.

    Raises:
        SplatFormatError: not SPZ, or a number out of bounds.
    """
    magic, version, count, degree, fractional_bits, flags, _reserved = _HEADER.unpack(data)
    if magic != MAGIC:
        raise SplatFormatError(f"not SPZ: begins with {bytes(data[:4])!r}, expected {PAYLOAD_MAGIC!r}")
    if version not in versions:
        supported = " and ".join(str(version) for version in versions)
        raise SplatFormatError(f"SPZ version {version} is not supported here, only {supported}")
    if not 1 <= count <= max_splats:
        raise SplatFormatError(f"header claims {count} splats, 1 to {max_splats} are accepted")
    degrees = SH_REST_BY_DEGREE | ({} if version in SUBNET_VERSIONS else _SH_REST_OF_LATER_VERSIONS)
    if degree not in degrees:
        raise SplatFormatError(
            f"header claims spherical harmonics of degree {degree}, 0 to {max(degrees)} exist"
        )
    if fractional_bits > _MAX_FRACTIONAL_BITS:
        raise SplatFormatError(f"header claims {fractional_bits} fractional bits of 24")
    has_extensions = bool(flags & _FLAG_EXTENSIONS)
    return SpzHeader(version, count, degrees[degree], fractional_bits, has_extensions)


def decode_body(body: q.Bytes, header: SpzHeader) -> GaussianSplats:
    """Return the model in the (body_size,) bytes of all attributes."""
    count = header.count
    ends = np.cumsum(header.widths) * count
    positions, alphas, colours, scales, rotations, sh = np.split(body, ends[:-1])
    decode_rotations = (
        q.decode_rotations if header.version in SUBNET_VERSIONS else q.decode_smallest_three_rotations
    )
    return GaussianSplats(
        positions=_decode_positions(positions, header),
        log_scales=q.decode_log_scales(scales.reshape(-1, 3)),
        rotations=decode_rotations(rotations.reshape(count, -1)),
        opacity_logits=q.decode_alphas(alphas),
        sh_dc=q.decode_colours(colours.reshape(-1, 3)),
        sh_rest=q.decode_sh(sh.reshape(count, header.sh_rest, 3)[:, :_MAX_SH_REST]),
    )


def _decode_positions(data: q.Bytes, header: SpzHeader) -> FloatArray:
    if header.version == VERSION_FLOAT16_POSITIONS:
        return np.frombuffer(data, "<f2").reshape(-1, 3).astype(np.float32)
    return q.decode_positions(data, header.fractional_bits)
