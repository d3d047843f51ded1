"""What a model file is: format, splats, checks and scores, for people and for scripts."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trellis_assets.adapters.rendering.pictures import png_bytes, preview
from trellis_assets.adapters.splat_io.frames import GZIP_MAGIC, ZSTD_MAGIC
from trellis_assets.adapters.splat_io.ply import PLY_MAGIC
from trellis_assets.adapters.splat_io.sniff import decode_splats
from trellis_assets.adapters.validation.embedded.validator import measure, score
from trellis_assets.domain.endpoints.orientation import Orientation
from trellis_assets.domain.splats.axes import turned
from trellis_assets.domain.splats.quality_checks import failed_data_checks
from trellis_assets.domain.splats.splats import GaussianSplats, is_well_formed
from trellis_assets.domain.tasks import TaskKind

_FORMATS = {
    PLY_MAGIC: "PLY",
    ZSTD_MAGIC: "SPZ in a zstd frame",
    GZIP_MAGIC: "SPZ in a gzip frame",
}
# Pictures of more than this would take minutes on a small machine.
MAX_FILE_BYTES = 1024 * 1024 * 1024


class InspectionError(ValueError):
    """The file cannot be looked into; the text says why."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """A model file in numbers.

    Attributes:
        bounds: lowest and highest centre (x, y, z) in model units; None for a model without splats.
        malformed: splats with numbers that cannot be rendered.
        failed_checks: what the subnet's validators would refuse it for.
        score: the embedded validator's stand-in for a score, not calibrated; 0 when a check failed.
        parts: what the score is made of.
    """

    format: str
    bytes: int
    splats: int
    sh_degree: int
    extent: float
    bounds: tuple[list[float], list[float]] | None
    mean_opacity: float | None
    malformed: int
    failed_checks: tuple[str, ...]
    score: float
    parts: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def read_model(path: Path) -> tuple[str, int, GaussianSplats]:
    """Return format, size in bytes and splats of a model file.

    Raises:
        InspectionError: not there, too large, or no model.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise InspectionError(f"{path} has {size} bytes, more than {MAX_FILE_BYTES}")
        data = path.read_bytes()
    except OSError as error:
        raise InspectionError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        splats = decode_splats(data)
    except ValueError as error:
        raise InspectionError(f"{path} is no model: {error}") from error
    name = next((name for magic, name in _FORMATS.items() if data.startswith(magic)), "SPZ without a frame")
    return name, size, splats


def inspect(path: Path, orientation: Orientation = Orientation.AS_IS) -> tuple[Inspection, bytes | None]:
    """Return the file in numbers, and its picture as PNG (None when no splat can be rendered).

    Args:
        path: of a PLY or SPZ file.
        orientation: which way up the model in it stands; it is turned head up first.

    Raises:
        InspectionError: not there, too large, or no model.
    """
    name, size, splats = read_model(path)
    splats = turned(splats, orientation)
    sound = is_well_formed(splats)
    usable = splats.subset(sound)
    failed = failed_data_checks(splats)
    if len(usable) < len(splats):
        # What cannot be drawn is dropped before a submission: the rest must pass too.
        failed = tuple(dict.fromkeys((*failed, *failed_data_checks(usable))))
    parts = measure(usable, "", TaskKind.TEXT) if len(usable) else {}
    bounds = None
    if len(usable):
        low, high = usable.positions.min(axis=0), usable.positions.max(axis=0)
        bounds = ([round(float(x), 6) for x in low], [round(float(x), 6) for x in high])
    found = Inspection(
        format=name,
        bytes=size,
        splats=len(splats),
        sh_degree=splats.sh_degree,
        extent=usable.extent,
        bounds=bounds,
        mean_opacity=float(usable.opacities.mean()) if len(usable) else None,
        malformed=int(len(splats) - sound.sum()),
        failed_checks=failed,
        score=score(parts) if parts and not failed else 0.0,
        parts=parts,
    )
    return found, png_bytes(preview(usable)) if len(usable) else None


def write_picture(path: Path, picture: bytes) -> None:
    """Write the picture to the file.

    Raises:
        InspectionError: it cannot be written.
    """
    try:
        path.write_bytes(picture)
    except OSError as error:
        raise InspectionError(f"{path} cannot be written: {error.strerror or error}") from error


def as_text(found: Inspection) -> str:
    """Return some lines for people."""
    lines = [
        f"{found.format}, {found.bytes:,} bytes",
        f"{found.splats:,} splats, SH degree {found.sh_degree}, extent {found.extent:.4f}",
    ]
    if found.malformed:
        lines.append(
            f"{found.malformed:,} splats hold NaN or infinite numbers: they cannot be drawn, and are "
            "dropped before a submission"
        )
    passed = "all data checks pass" + (", once those are dropped" if found.malformed else "")
    lines += [f"check failed: {text}" for text in found.failed_checks] or [passed]
    lines.append(f"embedded score {found.score:.4f} (a stand-in, not the subnet's)")
    lines += [f"  {name:<12} {value:.4f}" for name, value in found.parts.items()]
    return "\n".join(lines)
