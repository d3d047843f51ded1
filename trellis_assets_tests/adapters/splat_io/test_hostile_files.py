"""Model files of strangers: the named error or a model, in bounded memory, and never anything else."""

import gzip
import tracemalloc
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trellis_assets.adapters.splat_io.errors import SplatFormatError
from trellis_assets.adapters.splat_io.frames import GZIP_MAGIC, ZSTD_MAGIC, open_frame
from trellis_assets.adapters.splat_io.ply import write_ply
from trellis_assets.adapters.splat_io.ply_header import parse_ply_header
from trellis_assets.adapters.splat_io.sniff import decode_splats
from trellis_assets.adapters.splat_io.spz import PAYLOAD_MAGIC, encode_gzip_spz, encode_payload, encode_spz
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.testing.splats import a_cloud

QUICK = settings(max_examples=120, deadline=None)
GOOD = [encode(a_cloud(40)) for encode in (encode_spz, encode_gzip_spz, encode_payload, write_ply)]
MAGICS = [ZSTD_MAGIC, GZIP_MAGIC, PAYLOAD_MAGIC, b"ply\n"]


def model_in(data: bytes) -> GaussianSplats | None:
    """Return the model; None for the named error."""
    try:
        return decode_splats(data, max_splats=1000)
    except SplatFormatError as error:
        assert str(error)
        return None


@QUICK
@given(st.sampled_from([b"", *MAGICS]), st.binary(max_size=300))
def test_arbitrary_bytes_give_a_model_or_a_format_error(magic: bytes, rest: bytes) -> None:
    model_in(magic + rest)


@QUICK
@given(st.sampled_from(GOOD), st.data())
def test_flipped_bits_give_a_model_or_a_format_error(good: bytes, data: st.DataObject) -> None:
    spoilt = bytearray(good)
    spoilt[data.draw(st.integers(0, len(good) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    model_in(bytes(spoilt))


@QUICK
@given(st.sampled_from(GOOD), st.data())
def test_truncated_files_are_refused(good: bytes, data: st.DataObject) -> None:
    assert model_in(good[: data.draw(st.integers(0, len(good) - 1))]) is None


@QUICK
@given(st.sampled_from(GOOD[:3]), st.sampled_from(GOOD), st.binary(min_size=1, max_size=20))
def test_bytes_behind_an_spz_model_never_change_it(good: bytes, other: bytes, tail: bytes) -> None:
    assert model_in(good + other) is None
    behind, alone = model_in(good + tail), model_in(good)
    # A few bytes that might begin another frame are not noticed, and do no harm.
    assert alone is not None
    assert behind is None or (behind.positions == alone.positions).all()


words = st.sampled_from(
    [
        "ply",
        "format",
        "ascii",
        "binary_little_endian",
        "1.0",
        "element",
        "vertex",
        "face",
        "property",
        "list",
        "float",
        "uchar",
        "int",
        "x",
        "y",
        "z",
        "f_dc_0",
        "opacity",
        "scale_0",
        "rot_0",
        "comment",
        "obj_info",
        "0",
        "-1",
        "3",
        "99999999999999999999",
        "9" * 5000,
        "1e3",
        "\u0663",
        "nan",
    ],
)
lines = st.lists(words, max_size=6).map(" ".join)


@QUICK
@given(st.lists(lines, max_size=12), st.binary(max_size=60))
@example(["format ascii 1.0", "element vertex " + "9" * 5000], b"")
@example(["format ascii 1.0", "element vertex 3", *["property list uchar int a"] * 2], b"")
def test_arbitrary_ply_headers_give_a_model_or_a_format_error(header: list[str], body: bytes) -> None:
    text = "\n".join(["ply", *header, "end_header", ""]).encode()
    model_in(text + body)
    try:
        parse_ply_header(text)
    except SplatFormatError as error:
        assert len(str(error)) < 300, "a stranger's file does not fill the log"


def ply(*, before: str = "", count: int = 1, kind: str = "binary_little_endian") -> bytes:
    names = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2"]
    properties = "\n".join(f"property float {name}" for name in [*names, *(f"rot_{i}" for i in range(4))])
    return f"ply\nformat {kind} 1.0\n{before}element vertex {count}\n{properties}\nend_header\n".encode()


def nested(data: bytes, times: int, frame: Callable[[bytes], bytes]) -> bytes:
    for _ in range(times):
        data = frame(data)
    return data


BOMB = zstandard.ZstdCompressor(level=1).compress(bytes(64 << 20))
HUNDRED_FRAMES = zstandard.ZstdCompressor(level=1).compress(bytes(1 << 20)) * 100


@pytest.mark.parametrize(
    "data",
    [
        BOMB,
        HUNDRED_FRAMES,
        gzip.compress(bytes(64 << 20), 1),
        nested(bytes(8 << 20), 3, lambda data: gzip.compress(data, 1)),
        ply(before=f"element face {10**15}\nproperty double a\n") + bytes(100),
        ply(before=f"element face {10**15}\nproperty double a\n", kind="ascii") + b"1\n" * 100,
        ply(count=10_000_000) + bytes(100),
        ply(count=10_000_000, kind="ascii") + b"1 " * 100,
        b"ply\n" + b"comment x\n" * 10_000_000,
    ],
    ids=["zstd", "frames", "gzip", "nested", "element", "ascii element", "count", "ascii count", "header"],
)
def test_decompression_bomb_costs_little_memory(data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(SplatFormatError):
            decode_splats(data)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_a_frame_that_is_read_whole_is_cut_off_at_its_limit() -> None:
    """As the validation server reads a PLY in a zstd frame."""
    tracemalloc.start()
    try:
        with pytest.raises(SplatFormatError, match="longer than"):
            open_frame(BOMB).read_all(4 << 20)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_a_zstd_window_larger_than_ours_is_refused_before_it_is_allocated() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=True, write_content_size=False)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = compressor.compress(encode_payload(a_cloud(40))) + compressor.flush()
    assert model_in(data) is None
