"""The compressed frames around SPZ payloads: zstd (the subnet's) and gzip (Niantic's)."""

import io
import zlib
from typing import Protocol

import zstandard

from trellis_assets.adapters.splat_io.errors import SplatFormatError

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
GZIP_MAGIC = b"\x1f\x8b"
# The subnet's own encoder uses level 1; higher levels save at most 15 % for 20 times the time.
ZSTD_LEVEL = 1
# The decoder's memory, whatever the frame's header asks for. zstd's own default limit.
_MAX_WINDOW = 1 << 27
_PIECE = 1 << 20
_GZIP_WBITS = 31


class _Source(Protocol):
    def read(self, size: int, /) -> bytes: ...


class PayloadReader:
    """Reads a payload out of its frame, never more than is asked for.

    Attributes:
        content_size: bytes of payload that the frame declares; None where it declares none.
    """

    def __init__(self, source: _Source, content_size: int | None) -> None:
        self._source = source
        self.content_size = content_size

    def read_exactly(self, size: int) -> bytearray:
        """Return the next `size` bytes. Memory grows with what arrives, not with `size`.

        Raises:
            SplatFormatError: the payload ends early or the frame is broken.
        """
        data = bytearray()
        while len(data) < size:
            piece = self._read(min(_PIECE, size - len(data)))
            if not piece:
                raise SplatFormatError(f"payload is truncated: {len(data)} of {size} bytes")
            data += piece
        return data

    def read_all(self, limit: int) -> bytes:
        """Return all of the payload that was not read yet.

        Raises:
            SplatFormatError: it has more than `limit` bytes, or the frame is broken.
        """
        data = bytearray()
        while piece := self._read(_PIECE):
            data += piece
            if len(data) > limit:
                raise SplatFormatError(f"payload is longer than {limit} bytes")
        return bytes(data)

    def expect_end(self) -> None:
        """Check that nothing follows.

        Raises:
            SplatFormatError: something does.
        """
        if self._read(1):
            raise SplatFormatError("payload is longer than its header says")

    def _read(self, size: int) -> bytes:
        try:
            return self._source.read(size)
        except (zstandard.ZstdError, zlib.error, EOFError, OSError) as error:
            raise SplatFormatError(f"frame is broken: {error}") from error


class _GzipSource:
    """One gzip member, inflated piece by piece; zero bytes may follow it, as tape and block padding do."""

    def __init__(self, data: bytes) -> None:
        self._inflater = zlib.decompressobj(_GZIP_WBITS)
        self._rest = data

    def read(self, size: int, /) -> bytes:
        piece = self._inflater.decompress(self._rest, size)
        self._rest = self._inflater.unconsumed_tail
        if not piece and not self._inflater.eof:
            raise SplatFormatError("gzip member is truncated")
        if not piece and self._inflater.unused_data.strip(b"\0"):
            raise SplatFormatError("bytes follow the gzip member")
        return piece


def open_frame(data: bytes) -> PayloadReader:
    """Return a reader of the payload in `data`: a zstd frame, a gzip member, or the payload itself.

    Raises:
        SplatFormatError: a zstd frame whose header cannot be read.
    """
    if data.startswith(ZSTD_MAGIC):
        return _open_zstd(data)
    if data.startswith(GZIP_MAGIC):
        return PayloadReader(_GzipSource(data), None)
    return PayloadReader(io.BytesIO(data), len(data))


def _open_zstd(data: bytes) -> PayloadReader:
    try:
        declared = zstandard.frame_content_size(data)
    except zstandard.ZstdError as error:
        raise SplatFormatError(f"zstd frame is broken: {error}") from error
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
    # Across frames, so that anything after the first one is noticed rather than dropped.
    source = decompressor.stream_reader(data, read_across_frames=True)
    return PayloadReader(source, None if declared < 0 else declared)


def zstd_frame(payload: bytes) -> bytes:
    """Return `payload` in one zstd frame that declares its size, as the subnet's decoder needs it."""
    return zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_content_size=True).compress(payload)


def gzip_frame(payload: bytes) -> bytes:
    """Return `payload` in one gzip member without time stamp: equal payloads give equal bytes."""
    deflater = zlib.compressobj(level=6, wbits=_GZIP_WBITS)
    return deflater.compress(payload) + deflater.flush()
