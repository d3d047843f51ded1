"""How model files are named and checked, wherever they lie."""

import hashlib
from collections.abc import Container
from datetime import datetime
from pathlib import PurePosixPath

from trellis_assets.domain.generations import StoredFile
from trellis_assets.ports import StoredFileError

SUFFIXES = frozenset({"spz", "ply", "png", "webp"})
MODELS = "models"
# The preview of an SPZ file lies beside it under this suffix.
PICTURE = "webp"


def described(task_key: int, suffix: str, data: bytes, day: datetime) -> StoredFile:
    """Return the file that the data will be: `models/<day>/<key>-<checksum>.<suffix>`."""
    if suffix not in SUFFIXES:
        raise ValueError(f"no suffix of ours: {suffix}")
    digest = hashlib.sha256(data).hexdigest()
    path = f"{MODELS}/{day:%Y/%m/%d}/{task_key:08d}-{digest[:12]}.{suffix}"
    return StoredFile(path=path, size=len(data), sha256=digest)


def beside(path: str, suffix: str) -> str:
    """Return the path of what is derived from a file."""
    return str(PurePosixPath(path).with_suffix(f".{suffix}"))


def is_known(path: str, known: Container[str]) -> bool:
    """Return whether a file, or the model that it was derived from, belongs to a task."""
    return path in known or beside(path, "spz") in known


def verified(file: StoredFile, data: bytes) -> bytes:
    """Return the data if it is what was stored.

    Raises:
        StoredFileError: it is not.
    """
    if len(data) != file.size or hashlib.sha256(data).hexdigest() != file.sha256:
        raise StoredFileError(f"{file.path} is not what was stored: size or checksum differ")
    return data
