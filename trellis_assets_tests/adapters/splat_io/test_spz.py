"""SPZ: the numbers of PROTOCOL 8.2, and nothing taken on a header's word."""

import gzip
import struct
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from trellis_assets.adapters.splat_io.errors import SplatFormatError
from trellis_assets.adapters.splat_io.spz import (
    decode_spz,
    encode_gzip_spz,
    encode_payload,
    encode_spz,
)
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.testing.splats import a_ball, a_cloud, with_first

ZSTD = zstandard.ZstdCompressor(level=1)


def one_splat(**changes: object) -> GaussianSplats:
    fields: dict[str, object] = {
        "positions": [[0, 0, 0]],
        "log_scales": [[0, 0, 0]],
        "rotations": [[1, 0, 0, 0]],
        "opacity_logits": [0],
        "sh_dc": [[0, 0, 0]],
        "sh_rest": np.zeros((1, 0, 3)),
    }
    return GaussianSplats(**{name: np.asarray(v, np.float32) for name, v in (fields | changes).items()})


def header(
    version: int = 2, count: int = 1, degree: int = 0, bits: int = 12, magic: bytes = b"NGSP"
) -> bytes:
    return magic + struct.pack("<IIBBBB", version, count, degree, bits, 0, 0)


def arrays(splats: GaussianSplats) -> dict[str, np.ndarray]:
    return {name: getattr(splats, name) for name in GaussianSplats.__slots__}


def assert_equal(left: GaussianSplats, right: GaussianSplats) -> None:
    for name, array in arrays(left).items():
        np.testing.assert_array_equal(array, getattr(right, name), err_msg=name)


def test_a_splat_becomes_the_bytes_that_the_format_prescribes() -> None:
    splat = one_splat(
        positions=[[1, -1, 0.25 / 4096]],
        log_scales=[[-10, 0, 2]],
        rotations=[[0, -2, 0, 0]],
        opacity_logits=[0],
        sh_dc=[[0, 1, -9]],
    )
    expected = header(count=1)
    expected += bytes([0x00, 0x10, 0x00, 0x00, 0xF0, 0xFF, 0, 0, 0])  # 4096, -4096, 0
    expected += bytes([128])  # 127.5 rounds away from zero
    expected += bytes([128, 166, 0])  # 127.5, 165.75, clamped
    expected += bytes([0, 160, 192])
    expected += bytes([0, 128, 128])
    assert encode_payload(splat) == expected


def test_halves_are_rounded_away_from_zero_as_in_c() -> None:
    halves = np.array([[0.5, 1.5, 2.5], [-0.5, -1.5, -2.5]]) / 4096
    splats = replace(a_cloud(2), positions=halves.astype(np.float32))
    np.testing.assert_array_equal(decode_spz(encode_spz(splats)).positions * 4096, [[1, 2, 3], [-1, -2, -3]])


def test_a_quaternion_is_stored_with_w_not_negative() -> None:
    rotation = np.array([-0.5, 0.5, -0.5, 0.5])
    decoded = decode_spz(encode_spz(one_splat(rotations=[rotation]))).rotations[0]
    np.testing.assert_allclose(decoded, -rotation, atol=0.01)


def test_spherical_harmonics_fall_into_the_buckets_of_the_c_code() -> None:
    def c_bucket(x: float, size: int) -> int:
        step = int(np.floor(abs(x) * 128 + 0.5) * (1 if x > 0 else -1)) + 128
        return min(max(int((step + size // 2) / size) * size, 0), 255)

    splats = a_cloud(40, degree=3)
    splats.sh_rest[0, 0] = [-5, 5, 1e30]
    body = np.frombuffer(encode_payload(splats), np.uint8)[16 + 40 * 19 :].reshape(40, 15, 3)
    for index in np.ndindex(40, 15, 3):
        size = 8 if index[1] < 3 else 16
        assert body[index] == c_bucket(float(splats.sh_rest[index]), size), index


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_a_round_trip_stays_within_the_quantisation_steps(degree: int) -> None:
    splats = a_cloud(20_000, degree=degree)
    back = decode_spz(encode_spz(splats))
    assert np.abs(back.positions - splats.positions).max() <= 0.5001 / 4096
    assert np.abs(back.log_scales - splats.log_scales).max() <= 0.5001 / 16
    assert np.abs(back.opacities - splats.opacities).max() <= 0.5001 / 255
    assert np.abs(back.colours - splats.colours).max() <= 0.0038
    unit = splats.rotations / np.linalg.norm(splats.rotations, axis=1, keepdims=True)
    angles = 2 * np.degrees(np.arccos(np.clip(np.abs((unit * back.rotations).sum(axis=1)), 0, 1)))
    assert angles.max() < 14
    assert angles.mean() < 1.5
    assert back.sh_degree == degree
    if degree:
        assert np.abs(back.sh_rest - np.clip(splats.sh_rest, -1, 0.94)).max() <= 8.6 / 128


def test_a_decoded_model_encodes_to_the_same_payload() -> None:
    payload = encode_payload(a_cloud(5000, degree=3))
    again = encode_payload(decode_spz(payload))
    # Rotations near w = 0 may be normalised into the neighbouring step; nothing else may move.
    start, end = 16 + 5000 * 16, 16 + 5000 * 19
    assert again[:start] + again[end:] == payload[:start] + payload[end:]
    steps = np.frombuffer(again[start:end], np.uint8).astype(int)
    assert np.abs(steps - np.frombuffer(payload[start:end], np.uint8)).max() <= 1


def test_opacities_of_0_and_1_survive_as_infinite_logits() -> None:
    back = decode_spz(encode_spz(replace(a_cloud(2), opacity_logits=np.float32([np.inf, -np.inf]))))
    assert back.opacity_logits.tolist() == [np.inf, -np.inf]
    assert back.opacities.tolist() == [1, 0]
    assert encode_payload(back) == encode_payload(decode_spz(encode_spz(back)))


def test_the_frame_is_one_zstd_frame_that_says_its_size() -> None:
    data = encode_spz(a_cloud(100))
    assert zstandard.frame_content_size(data) == 16 + 100 * 19
    assert len(zstandard.ZstdDecompressor().decompress(data, read_across_frames=False)) == 16 + 100 * 19


def test_all_frames_hold_the_same_payload() -> None:
    splats = a_cloud(300)
    for data in (encode_payload(splats), encode_gzip_spz(splats), encode_spz(splats)):
        assert_equal(decode_spz(data), decode_spz(encode_spz(splats)))
    assert gzip.decompress(encode_gzip_spz(splats)) == encode_payload(splats)


def test_a_zstd_frame_without_its_size_is_read_too() -> None:
    splats = a_cloud(300)
    compressor = zstandard.ZstdCompressor(write_content_size=False)
    assert_equal(decode_spz(compressor.compress(encode_payload(splats))), decode_spz(encode_spz(splats)))


def test_version_1_has_positions_as_half_floats() -> None:
    positions = np.array([[1.5, -2, 0.25]], "<f2")
    body = positions.tobytes() + bytes([255]) + bytes(9)
    np.testing.assert_array_equal(decode_spz(header(version=1) + body).positions, positions)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (lambda: with_first(a_cloud(9), positions=np.nan), "positions"),
        (lambda: with_first(a_cloud(9), positions=2048), "scale the model down"),
        (lambda: with_first(a_cloud(9), positions=1e30), "scale the model down"),
        (lambda: with_first(a_cloud(9), rotations=0), "without length"),
        (lambda: with_first(a_cloud(9), rotations=1e30), "without length"),
        (lambda: with_first(a_cloud(9), opacity_logits=np.nan), "opacity_logits"),
        (lambda: with_first(a_cloud(9), sh_dc=np.inf), "sh_dc"),
        (lambda: a_cloud(9).subset(np.zeros(9, bool)), "1 to 10000000"),
    ],
)
def test_what_the_format_cannot_hold_is_refused(broken: Callable[[], GaussianSplats], reason: str) -> None:
    with pytest.raises(SplatFormatError, match=reason):
        encode_spz(broken())


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (header(magic=b"PGSN") + bytes(19), "not SPZ"),
        (header(version=3) + bytes(19), "version 3"),
        (header(count=0), "claims 0 splats"),
        (header(count=10_000_001), "claims 10000001 splats"),
        (header(degree=4) + bytes(19), "degree 4"),
        (header(bits=24) + bytes(19), "24 fractional bits"),
        (header() + bytes(18), "35|34"),
        (header() + bytes(20), "35"),
        (b"NGSP", "truncated"),
    ],
)
@pytest.mark.parametrize("frame", [bytes, ZSTD.compress, gzip.compress])
def test_a_payload_that_breaks_the_rules_is_refused(
    payload: bytes, reason: str, frame: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(SplatFormatError) as refused:
        decode_spz(frame(payload))
    if frame is bytes:
        assert refused.match(reason)


@pytest.mark.parametrize("tail", [b"x", b"\x28\xb5\x2f\xfd garbage", encode_spz(a_cloud(1))])
@pytest.mark.parametrize("encode", [encode_spz, encode_gzip_spz, encode_payload])
def test_bytes_after_the_model_are_refused(encode: Callable[[GaussianSplats], bytes], tail: bytes) -> None:
    with pytest.raises(SplatFormatError):
        decode_spz(encode(a_cloud(10)) + tail)


@pytest.mark.parametrize("encode", [encode_spz, encode_gzip_spz, encode_payload])
def test_a_model_cut_short_anywhere_is_refused(encode: Callable[[GaussianSplats], bytes]) -> None:
    data = encode(a_ball(20))
    for length in range(len(data)):
        with pytest.raises(SplatFormatError):
            decode_spz(data[:length])


def bomb(payload_start: bytes, *, says_size: bool) -> bytes:
    payload = payload_start + bytes(96 << 20)
    return zstandard.ZstdCompressor(level=1, write_content_size=says_size).compress(payload)


@pytest.mark.parametrize(
    "data",
    [
        bomb(header(count=10), says_size=True),
        bomb(header(count=10), says_size=False),
        gzip.compress(header(count=10) + bytes(96 << 20), 1),
        ZSTD.compress(header(count=10_000_000)),
        gzip.compress(header(count=10_000_000) + bytes(100)),
        zstandard.ZstdCompressor(write_content_size=False).compress(header(count=10_000_000, degree=3)),
    ],
    ids=["zstd", "zstd without size", "gzip", "lying zstd", "lying gzip", "lying zstd without size"],
)
def test_a_bomb_and_a_lying_header_cost_no_memory(data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(SplatFormatError):
            decode_spz(data)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_the_caller_can_set_the_largest_number_of_splats() -> None:
    with pytest.raises(SplatFormatError, match="1 to 99"):
        decode_spz(encode_spz(a_cloud(100)), max_splats=99)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.data())
def test_a_spoilt_model_is_read_or_refused_and_never_crashes(seed: int, data: st.DataObject) -> None:
    spoilt = bytearray(data.draw(st.sampled_from([encode_spz, encode_payload]))(a_cloud(30, seed=seed)))
    for _ in range(data.draw(st.integers(1, 4))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert len(decode_spz(bytes(spoilt), max_splats=1000)) >= 1
    except SplatFormatError as error:
        assert str(error)


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=400))
def test_any_payload_body_decodes_to_numbers_that_encode_again(noise: bytes) -> None:
    count = max(1, len(noise) // 19)
    decoded = decode_spz(header(count=count) + noise.ljust(19 * count, b"\0")[: 19 * count])
    assert np.isfinite(decoded.positions).all()
    kept = decoded.subset(np.linalg.norm(decoded.rotations, axis=1) > 0)
    assert len(decode_spz(encode_spz(kept))) == count


def test_a_real_model_is_read_and_written_back_byte_for_byte(samples: Path) -> None:
    data = (samples / "robocop.spz").read_bytes()
    splats = decode_spz(data)
    assert len(splats) == 267_776
    assert 0.99 < splats.extent < 1
    assert np.isinf(splats.opacity_logits).sum() > 60_000
    assert encode_payload(splats) == zstandard.ZstdDecompressor().decompress(data)


def test_positions_reach_to_the_last_step_below_2048() -> None:
    edge = one_splat(positions=[[-2048, 2048 - 1 / 4096, 0]])
    assert decode_spz(encode_spz(edge)).positions.tolist() == edge.positions.tolist()


def test_values_beyond_the_bytes_are_clamped_without_a_word() -> None:
    big = decode_spz(encode_spz(one_splat(log_scales=[[3e38, -3e38, 0]], sh_dc=[[3e38, -3e38, 0]])))
    np.testing.assert_allclose(big.log_scales, [[5.9375, -10, 0]])
    np.testing.assert_allclose(big.sh_dc, [[10 / 3, -10 / 3, 0]], atol=0.02)
