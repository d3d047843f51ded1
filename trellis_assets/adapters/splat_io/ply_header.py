"""The text that begins a PLY file, read with bounds."""

import re
from dataclasses import dataclass

import numpy as np

from trellis_assets.adapters.splat_io.errors import SplatFormatError

MAX_HEADER_BYTES = 64 * 1024
_LONGEST_COUNT = 20
_END = b"end_header"
_FIRST_LINE = re.compile(rb"ply[ \t]*(\r\n|\n|\r)")
_BYTE_ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
_TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}


@dataclass(frozen=True, slots=True)
class PlyElement:
    """One element: `properties` are (name, numpy type without byte order); a list has no type."""

    name: str
    count: int
    properties: tuple[tuple[str, str | None], ...]

    def row_type(self, byte_order: str) -> np.dtype[np.void]:
        """Return the numpy type of one row.

        Raises:
            SplatFormatError: the element holds lists, whose rows differ in length.
        """
        fields: list[tuple[str, str]] = []
        for name, kind in self.properties:
            if kind is None:
                raise SplatFormatError(f"PLY element {self.name} holds the list {name}: not supported here")
            fields.append((name, byte_order + kind))
        return np.dtype(fields)


@dataclass(frozen=True, slots=True)
class PlyHeader:
    """`byte_order` is '<' or '>', and '' for ascii; `size` is where the data begins."""

    byte_order: str
    elements: tuple[PlyElement, ...]
    size: int


def parse_ply_header(data: bytes) -> PlyHeader:
    """Return the header of `data`. Lines end as the first one does: LF, CR LF or CR.

    Raises:
        SplatFormatError: not PLY, or a header that breaks the rules; names the line.
    """
    lines, size = _header_lines(data)
    byte_order: str | None = None
    elements: list[PlyElement] = []
    for line in lines:
        match line.split():
            case [] | ["comment" | "obj_info", *_]:
                continue
            case ["format", kind, "1.0"] if kind in _BYTE_ORDERS and byte_order is None:
                byte_order = _BYTE_ORDERS[kind]
            # Python reads no integers of thousands of digits.
            case ["element", name, count] if count.isdecimal() and len(count) <= _LONGEST_COUNT:
                elements.append(PlyElement(name, int(count), ()))
            case ["property", *declaration] if elements:
                elements[-1] = _with_property(elements[-1], declaration, line)
            case _:
                raise SplatFormatError(f"PLY header has a line that breaks the rules: {line[:80]!r}")
    if byte_order is None:
        raise SplatFormatError("PLY header names no format")
    return PlyHeader(byte_order, tuple(elements), size)


def _header_lines(data: bytes) -> tuple[list[str], int]:
    """Return the lines between `ply` and the line that is `end_header`, and where the data begins.

    Raises:
        SplatFormatError: not PLY, not ASCII, or there is no such line.
    """
    head = data[:MAX_HEADER_BYTES]
    first = _FIRST_LINE.match(head)
    if first is None:
        raise SplatFormatError("not PLY: the first line is not 'ply'")
    ending = first.group(1)
    lines: list[str] = []
    at = first.end()
    while (end := head.find(ending, at)) >= 0:
        line = head[at:end].strip()
        at = end + len(ending)
        # The whole line: a comment may name the word.
        if line == _END:
            return lines, at
        try:
            lines.append(line.decode("ascii"))
        except UnicodeDecodeError as error:
            raise SplatFormatError(f"PLY header is not ASCII: {error}") from error
    raise SplatFormatError(f"PLY header does not end within {MAX_HEADER_BYTES} bytes")


def _with_property(element: PlyElement, declaration: list[str], line: str) -> PlyElement:
    match declaration:
        case [kind, name] if kind in _TYPES:
            added: tuple[str, str | None] = (name, _TYPES[kind])
        case ["list", length, kind, name] if length in _TYPES and kind in _TYPES:
            added = (name, None)
        case _:
            raise SplatFormatError(f"PLY header declares an unknown property: {line[:80]!r}")
    if name in dict(element.properties):
        raise SplatFormatError(f"PLY element {element.name[:80]} declares {name[:80]!r} twice")
    return PlyElement(element.name, element.count, (*element.properties, added))
