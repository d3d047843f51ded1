"""Files of other tools: SPZ 3 and 4, extension records, padding; refused where the subnet's readers would."""

import struct
from pathlib import Path

import numpy as np
import pytest
import zstandard

from trellis_assets.adapters.splat_io.coordinate_systems import axes_of
from trellis_assets.adapters.splat_io.errors import SplatFormatError
from trellis_assets.adapters.splat_io.frames import gzip_frame, zstd_frame
from trellis_assets.adapters.splat_io.sniff import decode_splats
from trellis_assets.adapters.splat_io.spz import decode_spz, encode_gzip_spz, encode_payload
from trellis_assets.adapters.splat_io.spz_dialects import decode_any_spz
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.testing.splats import a_cloud

HEADER = 16


def smallest_three(rotations: np.ndarray) -> bytes:
    """Quaternions wxyz as four bytes each, component by component as the format's text says."""
    packed = []
    for w, x, y, z in rotations / np.linalg.norm(rotations, axis=1, keepdims=True):
        values = [x, y, z, w]
        largest = int(np.argmax(np.abs(values)))
        sign = -1 if values[largest] < 0 else 1
        number = largest
        for index, value in enumerate(values):
            if index != largest:
                number = number << 10 | (sign * value < 0) << 9 | round(511 * abs(value) / 0.5**0.5)
        packed.append(number)
    return struct.pack(f"<{len(packed)}I", *packed)


def streams_of(splats: GaussianSplats) -> list[bytes]:
    """Return the attributes of a version 3 or 4 body."""
    body, n = encode_payload(splats)[HEADER:], len(splats)
    ends = np.cumsum([9 * n, n, 3 * n, 3 * n])
    start = [body[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)]
    rest = body[ends[-1] + 3 * n :]
    return [*start, smallest_three(splats.rotations), *([rest] if rest else [])]


def version_3(splats: GaussianSplats, *, flags: int = 0, records: bytes = b"") -> bytes:
    head = struct.pack("<4sIIBBBB", b"NGSP", 3, len(splats), splats.sh_degree, 12, flags, 0)
    return head + b"".join(streams_of(splats)) + records


def version_4(splats: GaussianSplats, *, records: bytes = b"") -> bytes:
    streams = streams_of(splats)
    frames = [zstandard.compress(stream) for stream in streams]
    toc_at = 32 + len(records)
    flags = 2 if records else 0
    head = struct.pack(
        "<4sIIBBBBI12x", b"NGSP", 4, len(splats), splats.sh_degree, 12, flags, len(streams), toc_at
    )
    toc = b"".join(struct.pack("<QQ", len(f), len(s)) for f, s in zip(frames, streams, strict=True))
    return head + records + toc + b"".join(frames)


def a_record(system: int) -> bytes:
    return struct.pack("<III", 0xADBE0003, 4, system)


@pytest.mark.parametrize("degree", [0, 1, 3])
def test_versions_3_and_4_hold_what_version_2_holds_with_finer_rotations(degree: int) -> None:
    splats = a_cloud(200, degree=degree)
    second = decode_spz(encode_payload(splats))
    for data in (version_3(splats), gzip_frame(version_3(splats)), version_4(splats)):
        found = decode_splats(data)
        for name in ("positions", "log_scales", "opacity_logits", "sh_dc", "sh_rest"):
            np.testing.assert_array_equal(getattr(found, name), getattr(second, name))
        unit = splats.rotations / np.linalg.norm(splats.rotations, axis=1, keepdims=True)
        # A quaternion and its negative are one rotation.
        assert np.abs((unit * found.rotations).sum(axis=1)).min() > 1 - 1e-5


def test_validators_readers_refuse_what_only_tools_read() -> None:
    splats = a_cloud(20)
    for data in (version_3(splats), version_4(splats), zstd_frame(version_3(splats))):
        with pytest.raises(SplatFormatError, match=r"version [34] is not supported here, only 1 and 2"):
            decode_spz(data)


def test_zero_padding_after_a_gzip_member_is_read_and_other_bytes_are_refused() -> None:
    data = encode_gzip_spz(a_cloud(20))
    assert len(decode_splats(data + b"\0" * 100)) == 20
    with pytest.raises(SplatFormatError, match="bytes follow the gzip member"):
        decode_splats(data + b"\0\0x")


def test_unknown_extension_records_are_skipped_and_truncated_ones_refused() -> None:
    unknown = struct.pack("<II5s", 0x12340001, 5, b"hello")
    for make in (
        lambda r: version_3(a_cloud(20), flags=2, records=r),
        lambda r: version_4(a_cloud(20), records=r),
    ):
        assert len(decode_any_spz(make(unknown))) == 20
        with pytest.raises(SplatFormatError, match="record is truncated"):
            decode_any_spz(make(unknown[:-1]))


@pytest.mark.parametrize("number", range(1, 17))
def test_a_model_stored_in_any_coordinate_system_comes_out_in_ours(number: int) -> None:
    ours = decode_spz(encode_payload(a_cloud(50)))
    found = decode_any_spz(version_4(a_cloud(50), records=a_record(number)))
    names = (
        *("LDB", "RDB", "LUB", "RUB", "LDF", "RDF", "LUF", "RUF"),
        *("LFD", "RFD", "LFU", "RFU", "LBD", "RBD", "LBU", "RBU"),
    )
    matrix = axes_of(names[number - 1])
    assert sorted(np.abs(matrix).sum(axis=0)) == [1, 1, 1]
    np.testing.assert_allclose(found.positions, ours.positions @ matrix.T, atol=1e-6)


def test_right_down_front_turns_y_and_z_around() -> None:
    ours = decode_spz(encode_payload(a_cloud(50)))
    found = decode_any_spz(version_4(a_cloud(50), records=a_record(6)))
    np.testing.assert_array_equal(found.positions, ours.positions * np.float32([1, -1, -1]))


def test_a_coordinate_system_without_a_name_is_refused() -> None:
    with pytest.raises(SplatFormatError, match="coordinate system 17"):
        decode_any_spz(version_4(a_cloud(20), records=a_record(17)))


@pytest.mark.parametrize(
    ("at", "value", "reason"),
    [
        (15, 200, "claims 200 streams"),
        (15, 0, "claims 0 streams"),
        (16, 2**32 - 1, "listed at byte"),
        (8, 9_000_000, "expected"),
        (32, 2**63, "claims"),
        (40, 2**63, "claims"),
    ],
)
def test_a_version_4_header_that_lies_is_refused(at: int, value: int, reason: str) -> None:
    data = bytearray(version_4(a_cloud(20)))
    width = {15: 1, 16: 4, 8: 4}.get(at, 8)
    data[at : at + width] = value.to_bytes(width, "little")
    with pytest.raises(SplatFormatError, match=reason):
        decode_any_spz(bytes(data))


def test_a_version_4_file_cut_anywhere_is_refused() -> None:
    data = version_4(a_cloud(20))
    for end in range(8, len(data), 7):
        with pytest.raises(SplatFormatError):
            decode_any_spz(data[:end])


@pytest.mark.parametrize(
    ("name", "splats"), [("s3_gzip", 32), ("s4", 32), ("s2_gz_trailing", 32), ("s2_ext_trail", 32)]
)
def test_files_of_current_tools_are_read(samples: Path, name: str, splats: int) -> None:
    found = decode_splats((samples / "cases" / f"{name}.spz").read_bytes())
    reference = decode_splats((samples / "cases" / "s3_gzip.spz").read_bytes())
    assert len(found) == splats
    np.testing.assert_array_equal(found.positions, reference.positions)
    assert np.abs((found.rotations * reference.rotations).sum(axis=1)).min() > 0.99


@pytest.mark.parametrize("name", ["s3_gzip", "s4", "s2_ext_trail"])
def test_the_strict_reader_refuses_files_that_validators_cannot_open(samples: Path, name: str) -> None:
    with pytest.raises(SplatFormatError):
        decode_spz((samples / "cases" / f"{name}.spz").read_bytes())
