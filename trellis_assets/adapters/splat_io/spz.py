"""SPZ version 2, the subnet's format of submitted models (PROTOCOL 8)."""

import struct
from dataclasses import dataclass

import numpy as np

from trellis_assets.adapters.splat_io import quantisation as q
from trellis_assets.adapters.splat_io.errors import SplatFormatError
from trellis_assets.adapters.splat_io.frames import gzip_frame, open_frame, zstd_frame
from trellis_assets.domain.splats import SH_REST_BY_DEGREE, FloatArray, GaussianSplats

MAGIC = 0x5053474E
PAYLOAD_MAGIC = b"NGSP"
VERSION = 2
VERSION_FLOAT16_POSITIONS = 1
FRACTIONAL_BITS = 12
# More fits into no 24-bit number, and the shift would overflow.
_MAX_FRACTIONAL_BITS = 23
# What the subnet's decoder accepts.
MAX_SPLATS = 10_000_000
_HEADER = struct.Struct("<IIIBBBB")
_POSITION_LIMIT = 2**23 / 2**FRACTIONAL_BITS


@dataclass(frozen=True, slots=True)
class _Header:
    version: int
    count: int
    sh_rest: int
    fractional_bits: int

    @property
    def position_bytes(self) -> int:
        return 6 if self.version == VERSION_FLOAT16_POSITIONS else 9

    @property
    def body_size(self) -> int:
        return self.count * (self.position_bytes + 10 + 3 * self.sh_rest)


def encode_spz(splats: GaussianSplats) -> bytes:
    """The model as the bytes to submit: one zstd frame around a version 2 payload.

    Raises:
        SplatFormatError: the format cannot hold the model; it says what to mend.
    """
    return zstd_frame(encode_payload(splats))


def encode_gzip_spz(splats: GaussianSplats) -> bytes:
    """The model in the frame that viewers know (Niantic's), around the same payload.

    Raises:
        SplatFormatError: the format cannot hold the model; it says what to mend.
    """
    return gzip_frame(encode_payload(splats))


def encode_payload(splats: GaussianSplats) -> bytes:
    """The model as a bare version 2 payload, byte for byte the subnet's encoder's.

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
    """The model in `data`: a payload bare, in a zstd frame or in a gzip frame.

    Memory is bounded by what the data really holds and by `max_splats`, never by what its headers
    merely claim.

    Raises:
        SplatFormatError: broken, truncated, too long, of another version, or too many splats.
    """
    reader = open_frame(data)
    header = _parse_header(reader.read_exactly(_HEADER.size), max_splats)
    size = _HEADER.size + header.body_size
    if reader.content_size is not None and reader.content_size != size:
        raise SplatFormatError(f"payload has {reader.content_size} bytes, {header.count} splats need {size}")
    body = reader.read_exactly(header.body_size)
    reader.expect_end()
    return _decode_body(np.frombuffer(body, np.uint8), header)


def _check_encodable(splats: GaussianSplats) -> FloatArray:
    """The (N,) norms of the rotations, all usable.

    Raises:
        SplatFormatError: the format cannot hold the model.
    """
    if not 1 <= len(splats) <= MAX_SPLATS:
        raise SplatFormatError(f"SPZ holds 1 to {MAX_SPLATS} splats, the model has {len(splats)}")
    for name in ("positions", "log_scales", "rotations", "sh_dc", "sh_rest"):
        if not np.isfinite(getattr(splats, name)).all():
            raise SplatFormatError(f"{name} holds NaN or infinite values: prepare the model first")
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


def _parse_header(data: bytearray, max_splats: int) -> _Header:
    magic, version, count, degree, fractional_bits, _flags, _reserved = _HEADER.unpack(data)
    if magic != MAGIC:
        raise SplatFormatError(f"not SPZ: begins with {bytes(data[:4])!r}, expected {PAYLOAD_MAGIC!r}")
    if version not in (VERSION_FLOAT16_POSITIONS, VERSION):
        raise SplatFormatError(f"SPZ version {version} is not supported, only 1 and 2 are")
    if not 1 <= count <= max_splats:
        raise SplatFormatError(f"header claims {count} splats, 1 to {max_splats} are accepted")
    if degree not in SH_REST_BY_DEGREE:
        raise SplatFormatError(f"header claims spherical harmonics of degree {degree}, 0 to 3 exist")
    if fractional_bits > _MAX_FRACTIONAL_BITS:
        raise SplatFormatError(f"header claims {fractional_bits} fractional bits of 24")
    return _Header(version, count, SH_REST_BY_DEGREE[degree], fractional_bits)


def _decode_body(body: q.Bytes, header: _Header) -> GaussianSplats:
    count = header.count
    widths = [header.position_bytes, 1, 3, 3, 3, 3 * header.sh_rest]
    ends = np.cumsum(widths) * count
    positions, alphas, colours, scales, rotations, sh = np.split(body, ends[:-1])
    return GaussianSplats(
        positions=_decode_positions(positions, header),
        log_scales=q.decode_log_scales(scales.reshape(-1, 3)),
        rotations=q.decode_rotations(rotations.reshape(-1, 3)),
        opacity_logits=q.decode_alphas(alphas),
        sh_dc=q.decode_colours(colours.reshape(-1, 3)),
        sh_rest=q.decode_sh(sh.reshape(count, header.sh_rest, 3)),
    )


def _decode_positions(data: q.Bytes, header: _Header) -> FloatArray:
    if header.version == VERSION_FLOAT16_POSITIONS:
        return np.frombuffer(data, "<f2").reshape(-1, 3).astype(np.float32)
    return q.decode_positions(data, header.fractional_bits)
