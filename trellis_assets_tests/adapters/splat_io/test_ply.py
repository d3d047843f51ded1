"""PLY: any dialect in, one out, and no allocation on a header's word."""

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trellis_assets.adapters.splat_io.errors import SplatFormatError
from trellis_assets.adapters.splat_io.ply import read_ply, write_ply
from trellis_assets.adapters.splat_io.spz import encode_payload
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.testing.splats import a_cloud, with_first

NAMES = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2"]
NAMES += ["rot_0", "rot_1", "rot_2", "rot_3"]


def assert_equal(left: GaussianSplats, right: GaussianSplats) -> None:
    for name in GaussianSplats.__slots__:
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=name)


def columns(splats: GaussianSplats) -> dict[str, np.ndarray]:
    table = np.hstack(
        [splats.positions, splats.sh_dc, splats.opacity_logits[:, None], splats.log_scales, splats.rotations]
    )
    return dict(zip(NAMES, table.T, strict=True))


def ply(
    splats: GaussianSplats,
    *,
    kind: str = "binary_little_endian",
    types: dict[str, tuple[str, str]] | None = None,
    extra: dict[str, tuple[str, str]] | None = None,
    before: str = "",
    before_data: bytes = b"",
    after: str = "",
) -> bytes:
    """Return a PLY file in the dialect asked for; `types` and `extra` hold (PLY type, numpy type)."""
    fields = columns(splats) | {name: np.ones(len(splats)) for name in extra or {}}
    kinds = dict.fromkeys(fields, ("float", "f4")) | (types or {}) | (extra or {})
    lines = ["ply", f"format {kind} 1.0", "comment made by hand", *before.splitlines()]
    lines += [f"element vertex {len(splats)}"]
    lines += [f"property {kinds[name][0]} {name}" for name in fields]
    head = "\n".join([*lines, *after.splitlines(), "end_header", ""]).encode()
    if kind == "ascii":
        rows = "\n".join(" ".join(repr(float(v)) for v in row) for row in zip(*fields.values(), strict=True))
        return head + before_data + rows.encode() + b"\n"
    order = "<" if "little" in kind else ">"
    table = np.zeros(len(splats), [(name, order + kinds[name][1]) for name in fields])
    for name, values in fields.items():
        table[name] = values
    return head + before_data + table.tobytes()


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_what_is_written_is_read_back_exactly(degree: int) -> None:
    splats = a_cloud(50, degree=degree)
    assert_equal(read_ply(write_ply(splats)), splats)


def test_the_written_header_is_the_one_that_the_subnets_encoder_demands() -> None:
    header = write_ply(a_cloud(7, degree=1)).split(b"end_header\n")[0].decode().splitlines()
    assert header[:3] == ["ply", "format binary_little_endian 1.0", "element vertex 7"]
    assert all(line.startswith("property float ") for line in header[3:])
    names = [line.split()[2] for line in header[3:]]
    assert set(names) == {*NAMES, *(f"f_rest_{i}" for i in range(9))}


def test_f_rest_holds_all_of_red_then_green_then_blue() -> None:
    splats = a_cloud(1, degree=1)
    splats.sh_rest[0] = [[1, 4, 7], [2, 5, 8], [3, 6, 9]]
    body = np.frombuffer(write_ply(splats).split(b"end_header\n")[1], "<f4")
    assert body[6:15].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize("kind", ["binary_little_endian", "binary_big_endian", "ascii"])
def test_all_three_encodings_are_read(kind: str) -> None:
    splats = a_cloud(20)
    assert_equal(read_ply(ply(splats, kind=kind)), splats)


@pytest.mark.parametrize("kind", ["binary_little_endian", "binary_big_endian", "ascii"])
def test_other_number_types_and_more_properties_are_tolerated(kind: str) -> None:
    splats = a_cloud(20)
    data = ply(
        splats,
        kind=kind,
        types={"x": ("double", "f8"), "opacity": ("float64", "f8")},
        extra={"nx": ("float", "f4"), "red": ("uchar", "u1"), "label": ("int16", "i2")},
    )
    assert_equal(read_ply(data), splats)


def test_elements_before_and_after_the_vertices_are_skipped() -> None:
    splats = a_cloud(5)
    camera = "element camera 2\nproperty double fov\nproperty uchar id"
    faces = "element face 3\nproperty list uchar int vertex_indices"
    data = ply(splats, before=camera, before_data=bytes(2 * 9), after=faces) + b"faces"
    assert_equal(read_ply(data), splats)
    text = ply(splats, kind="ascii", before=camera, before_data=b"1 2\n3 4\n", after=faces)
    assert_equal(read_ply(text), splats)


def test_carriage_returns_in_the_header_are_tolerated() -> None:
    head, body = ply(a_cloud(5)).split(b"end_header\n")
    assert len(read_ply(head.replace(b"\n", b"\r\n") + b"end_header\r\n" + body)) == 5


def test_nan_and_infinite_numbers_are_read_unchanged() -> None:
    splats = with_first(a_cloud(5), opacity_logits=np.nan, positions=np.inf)
    for kind in ("binary_little_endian", "ascii"):
        assert_equal(read_ply(ply(splats, kind=kind)), splats)


GOOD = ply(a_cloud(5))
GOOD_ASCII = ply(a_cloud(5), kind="ascii")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"plywood", "the first line is not .ply."),
        (b"ply\n" + b"comment long\n" * 10_000 + b"end_header\n", "does not end"),
        (GOOD.replace(b"format binary_little_endian 1.0", b"format morse 1.0"), "morse"),
        (GOOD.replace(b"comment", b"b\xc3\xbcro"), "not ASCII"),
        (GOOD.replace(b"element vertex 5", b"element vertex -5"), "vertex -5"),
        (GOOD.replace(b"element vertex 5", b"element vertex 0"), "claims 0 vertices"),
        (GOOD.replace(b"element vertex 5", b"element vertex 99999999999999"), "claims 9999"),
        (GOOD.replace(b"element vertex 5", b"element vertices 5"), "no element 'vertex'"),
        (GOOD.replace(b"element vertex 5", b"element vertex 6"), "truncated"),
        (GOOD[:-1], "truncated"),
        (GOOD.replace(b"property float opacity\n", b""), "lacks opacity"),
        (GOOD.replace(b"property float opacity", b"property float x"), "declares 'x' twice"),
        (GOOD.replace(b"property float opacity", b"property quad opacity"), "unknown property"),
        (GOOD.replace(b"property float x", b"property list uchar float x"), "holds the list x"),
        (
            GOOD.replace(b"property float opacity", b"property float opacity\nproperty float f_rest_0"),
            "1 f_rest",
        ),
        (GOOD_ASCII.replace(b"element vertex 5", b"element vertex 6"), "truncated|of 6"),
        (GOOD_ASCII.replace(b"element vertex 5", b"element vertex 9000000"), "truncated"),
        (GOOD_ASCII.replace(b"0.", b"zero", 80), "not 14 numbers"),
        (GOOD_ASCII.replace(b"end_header\n", b"end_header\n1 2\n"), "not 14 numbers"),
    ],
)
def test_a_file_that_breaks_the_rules_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(SplatFormatError, match=reason):
        read_ply(data)


@pytest.mark.parametrize(
    "lie",
    [
        lambda: GOOD.replace(b"element vertex 5", b"element vertex 9999999"),
        lambda: GOOD_ASCII.replace(b"element vertex 5", b"element vertex 9999999"),
        lambda: ply(a_cloud(5), before="element junk 99999999999999999999\nproperty double d"),
        lambda: ply(a_cloud(5), kind="ascii", before="element junk 99999999999999999999\nproperty double d"),
    ],
)
def test_false_count_in_a_header_costs_no_memory(lie: Callable[[], bytes]) -> None:
    data = lie()
    tracemalloc.start()
    try:
        with pytest.raises(SplatFormatError):
            read_ply(data)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([GOOD, GOOD_ASCII]),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=5),
)
def test_a_spoilt_file_is_read_or_refused_and_never_crashes(
    good: bytes, spots: list[tuple[float, int]]
) -> None:
    spoilt = bytearray(good)
    for where, byte in spots:
        spoilt[int(where * (len(good) - 1))] = byte
    try:
        assert len(read_ply(bytes(spoilt), max_splats=1000)) >= 1
    except SplatFormatError as error:
        assert str(error)


def test_a_model_keeps_its_payload_through_ply() -> None:
    splats = a_cloud(500, degree=2)
    assert encode_payload(read_ply(write_ply(splats))) == encode_payload(splats)
