"""3DGS models as PLY: read from any dialect, written in the one that the subnet's encoder takes."""

import io
import itertools
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from trellis_assets.adapters.splat_io.errors import SplatFormatError
from trellis_assets.adapters.splat_io.ply_header import PlyElement, PlyHeader, parse_ply_header
from trellis_assets.adapters.splat_io.spz import MAX_SPLATS
from trellis_assets.domain.splats.splats import SH_REST_BY_DEGREE, FloatArray, GaussianSplats

PLY_MAGIC = b"ply"
_POSITION = ("x", "y", "z")
_DC = ("f_dc_0", "f_dc_1", "f_dc_2")
_SCALE = ("scale_0", "scale_1", "scale_2")
_ROTATION = ("rot_0", "rot_1", "rot_2", "rot_3")
_REQUIRED = (*_POSITION, *_DC, "opacity", *_SCALE, *_ROTATION)

Columns = Mapping[str, NDArray[np.generic]]


def write_ply(splats: GaussianSplats) -> bytes:
    """Return the model as PLY in the strict layout of PROTOCOL 8.3: binary, all float, vertices only."""
    rest = splats.sh_rest.shape[1]
    rest_names = [f"f_rest_{i}" for i in range(3 * rest)]
    names = [*_POSITION, *_DC, *rest_names, "opacity", *_SCALE, *_ROTATION]
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(splats)}"]
    header += [*(f"property float {name}" for name in names), "end_header", ""]
    # PLY keeps all coefficients of red, then of green, then of blue.
    channel_major = splats.sh_rest.transpose(0, 2, 1).reshape(len(splats), 3 * rest)
    columns = (splats.positions, splats.sh_dc, channel_major, splats.opacity_logits[:, None])
    table = np.hstack([*columns, splats.log_scales, splats.rotations]).astype("<f4", copy=False)
    # One copy of the rows, not one more for each of `tobytes` and `+`.
    return b"".join(["\n".join(header).encode("ascii"), table.reshape(-1).view(np.uint8).data])


def read_ply(data: bytes, *, max_splats: int = MAX_SPLATS) -> GaussianSplats:
    """Return the model in a PLY file, binary or ascii, with any number types and further properties.

    Values are taken as they stand, NaN included; nothing is allocated on a header's word.

    Raises:
        SplatFormatError: not PLY, truncated, too many splats, or not a 3DGS model.
    """
    header = parse_ply_header(data)
    columns = _read_vertices(data, header, max_splats)
    return GaussianSplats(
        positions=_stack(columns, _POSITION),
        log_scales=_stack(columns, _SCALE),
        rotations=_stack(columns, _ROTATION),
        opacity_logits=_stack(columns, ("opacity",))[:, 0],
        sh_dc=_stack(columns, _DC),
        sh_rest=_sh_rest(columns, _sh_rest_count(_vertex(header))),
    )


def _vertex(header: PlyHeader) -> PlyElement:
    for element in header.elements:
        if element.name == "vertex":
            return element
    raise SplatFormatError("PLY has no element 'vertex'")


def _sh_rest_count(vertex: PlyElement) -> int:
    """Return the number of SH coefficients per colour beyond the constant one."""
    names = dict(vertex.properties)
    found = next(i for i in itertools.count() if f"f_rest_{i}" not in names)
    if found % 3 or found // 3 not in SH_REST_BY_DEGREE.values():
        raise SplatFormatError(f"PLY has {found} f_rest properties; 0, 9, 24 or 45 make a degree")
    return found // 3


def _read_vertices(data: bytes, header: PlyHeader, max_splats: int) -> Columns:
    """Return the columns of the element `vertex` by name, each (N,)."""
    vertex = _vertex(header)
    if not 1 <= vertex.count <= max_splats:
        raise SplatFormatError(f"PLY claims {vertex.count} vertices, 1 to {max_splats} are accepted")
    if any(name.startswith("packed_") for name, _ in vertex.properties):
        raise SplatFormatError(
            "PLY is in PlayCanvas's compressed format, which is not read here: "
            "convert it to an ordinary PLY first, for example with SuperSplat or splat-transform"
        )
    missing = [name for name in _REQUIRED if name not in dict(vertex.properties)]
    if missing:
        raise SplatFormatError(f"PLY is not a 3DGS model: it lacks {', '.join(missing)}")
    _sh_rest_count(vertex)
    before = header.elements[: header.elements.index(vertex)]
    if header.byte_order:
        return _read_binary(data, header, vertex, before)
    return _read_ascii(data, header, vertex, before)


def _read_binary(
    data: bytes, header: PlyHeader, vertex: PlyElement, before: tuple[PlyElement, ...]
) -> Columns:
    skipped = sum(e.count * e.row_type(header.byte_order).itemsize for e in before)
    row = vertex.row_type(header.byte_order)
    start = header.size + skipped
    if len(data) - start < vertex.count * row.itemsize:
        raise SplatFormatError(
            f"PLY is truncated: {vertex.count} vertices need {vertex.count * row.itemsize} bytes, "
            f"{max(0, len(data) - start)} follow the header"
        )
    table = np.frombuffer(data, row, vertex.count, start)
    return {name: table[name] for name, _ in vertex.properties}


def _read_ascii(
    data: bytes, header: PlyHeader, vertex: PlyElement, before: tuple[PlyElement, ...]
) -> Columns:
    vertex.row_type("<")  # refuses lists
    width = len(vertex.properties)
    # A value takes a digit and a separator at least; checked before numpy allocates the rows.
    if len(data) - header.size + 1 < 2 * width * vertex.count:
        raise SplatFormatError(f"PLY is truncated: too short for {vertex.count} vertices")
    body = io.BytesIO(data)
    body.seek(header.size)
    lines = sum(element.count for element in before)
    while lines > 0 and body.readline():
        lines -= 1
    if body.tell() == len(data):
        raise SplatFormatError("PLY is truncated: it ends before the vertices")
    try:
        table = np.loadtxt(body, np.float64, comments=None, max_rows=vertex.count, ndmin=2)
    except (ValueError, OverflowError) as error:
        raise SplatFormatError(f"PLY holds a vertex that is not {width} numbers: {error}") from error
    if table.shape != (vertex.count, width):
        raise SplatFormatError(f"PLY is truncated: {len(table)} of {vertex.count} vertices")
    return {name: table[:, i] for i, (name, _) in enumerate(vertex.properties)}


def _stack(columns: Columns, names: tuple[str, ...]) -> FloatArray:
    """Return (N, len(names)) float32; doubles beyond float32 become infinite and are found later."""
    with np.errstate(over="ignore"):
        return np.column_stack([columns[name].astype(np.float32) for name in names])


def _sh_rest(columns: Columns, per_colour: int) -> FloatArray:
    """Return (N, per_colour, 3) from columns that hold all of red, then green, then blue."""
    count = len(columns["x"])
    if per_colour == 0:
        return np.zeros((count, 0, 3), np.float32)
    flat = _stack(columns, tuple(f"f_rest_{i}" for i in range(3 * per_colour)))
    return np.ascontiguousarray(flat.reshape(count, 3, per_colour).transpose(0, 2, 1))
