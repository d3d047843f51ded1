"""SPZ as other tools write it: versions 3 and 4, extension records, padding (nianticlabs/spz, README).

Read wherever a model comes from a tool or a generation server. The subnet's validators read versions 1
and 2 alone, which `spz` holds to.
"""

import struct

import numpy as np

from trellis_assets.adapters.splat_io.coordinate_systems import to_ours
from trellis_assets.adapters.splat_io.errors import SplatFormatError
from trellis_assets.adapters.splat_io.frames import ZSTD_MAGIC, open_frame
from trellis_assets.adapters.splat_io.spz import (
    HEADER_SIZE,
    MAX_SPLATS,
    PAYLOAD_MAGIC,
    SUBNET_VERSIONS,
    decode_body,
    parse_header,
)
from trellis_assets.domain.splats.splats import GaussianSplats

VERSION_STREAMS = 4
_SINGLE_STREAM_VERSIONS = (*SUBNET_VERSIONS, 3)
_PLAIN_HEADER = struct.Struct("<16sI12s")
_TOC_ENTRY = struct.Struct("<QQ")
_RECORD = struct.Struct("<II")
_COORDINATE_SYSTEM = 0xADBE0003
# Far more than the records that are known need.
_MAX_EXTENSION_BYTES = 1024 * 1024


def decode_any_spz(data: bytes, *, max_splats: int = MAX_SPLATS) -> GaussianSplats:
    """Return the model in an SPZ file of version 1 to 4, in the axes of `GaussianSplats`.

    Memory is bounded by what the data really holds and by `max_splats`.

    Raises:
        SplatFormatError: broken, truncated, too long, of an unknown version, or too many splats.
    """
    if data.startswith(PAYLOAD_MAGIC) and data[4:8] == VERSION_STREAMS.to_bytes(4, "little"):
        return _decode_streams(data, max_splats)
    reader = open_frame(data)
    header = parse_header(reader.read_exactly(HEADER_SIZE), max_splats, _SINGLE_STREAM_VERSIONS)
    size = HEADER_SIZE + header.body_size
    if reader.content_size is not None and reader.content_size != size and not header.has_extensions:
        raise SplatFormatError(f"payload has {reader.content_size} bytes, {header.count} splats need {size}")
    body = reader.read_exactly(header.body_size)
    records = b""
    if header.has_extensions:
        records = reader.read_all(_MAX_EXTENSION_BYTES)
    else:
        reader.expect_end()
    return to_ours(decode_body(np.frombuffer(body, np.uint8), header), _coordinate_system(records))


def _decode_streams(data: bytes, max_splats: int) -> GaussianSplats:
    """Return the model of a version 4 file: plain header, table of contents, one zstd frame an attribute."""
    if len(data) < _PLAIN_HEADER.size:
        raise SplatFormatError(f"SPZ version 4 is truncated: {len(data)} bytes, its header has 32")
    # The byte that is reserved in versions 1 to 3 counts the streams.
    plain, toc_at, _reserved = _PLAIN_HEADER.unpack_from(data)
    header = parse_header(plain, max_splats, (VERSION_STREAMS,))
    sizes = [header.count * width for width in header.widths if width]
    streams = plain[15]
    body_at = toc_at + streams * _TOC_ENTRY.size
    if streams != len(sizes) or toc_at < _PLAIN_HEADER.size or body_at > len(data):
        raise SplatFormatError(
            f"SPZ version 4 claims {streams} streams listed at byte {toc_at}; its header needs {len(sizes)}"
        )
    records = data[_PLAIN_HEADER.size : toc_at] if header.has_extensions else b""
    body = _join_streams(data, toc_at, body_at, sizes)
    return to_ours(decode_body(np.frombuffer(body, np.uint8), header), _coordinate_system(records))


def _join_streams(data: bytes, toc_at: int, body_at: int, sizes: list[int]) -> bytearray:
    body, at = bytearray(), body_at
    for index, size in enumerate(sizes):
        compressed, uncompressed = _TOC_ENTRY.unpack_from(data, toc_at + index * _TOC_ENTRY.size)
        if uncompressed != size or compressed > len(data) - at:
            raise SplatFormatError(
                f"SPZ stream {index} claims {compressed} bytes for {uncompressed}, expected {size}"
            )
        stream = data[at : at + compressed]
        if not stream.startswith(ZSTD_MAGIC):
            raise SplatFormatError(f"SPZ stream {index} is not a zstd frame")
        reader = open_frame(stream)
        body += reader.read_exactly(size)
        reader.expect_end()
        at += compressed
    if data[at:].strip(b"\0"):
        raise SplatFormatError(f"{len(data) - at} bytes follow the last SPZ stream")
    return body


def _coordinate_system(records: bytes) -> int | None:
    """Return the number of the coordinate system that a record names; None where none does.

    Records are type, length and content one after the other; unknown ones are skipped.

    Raises:
        SplatFormatError: a record is truncated.
    """
    at = 0
    while at + _RECORD.size <= len(records):
        kind, length = _RECORD.unpack_from(records, at)
        content = records[at + _RECORD.size : at + _RECORD.size + length]
        if len(content) < length:
            break
        if kind == _COORDINATE_SYSTEM and length == 4:  # noqa: PLR2004 - one number of 32 bits
            return int.from_bytes(content, "little")
        at += _RECORD.size + length
    if records[at:].strip(b"\0"):
        raise SplatFormatError("an SPZ extension record is truncated")
    return None
