"""The gallery's scripts and styles: compressed once, and cached by browsers until they change."""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from trellis_assets.servers.gallery.pages import HEADERS

_FOLDERS = ("static", "vendor")
# For ever, since the URL changes with the content.
_KEEP = {"cache-control": "public, max-age=31536000, immutable", "vary": "accept-encoding"}


@dataclass(frozen=True)
class PackedFile:
    """A file of the package, with its media type."""

    data: bytes
    kind: str

    @cached_property
    def packed(self) -> bytes:
        """Return the file as gzip, compressed at the first call."""
        return gzip.compress(self.data, 6, mtime=0)


class PackedFiles:
    """Serves the files under a URL that changes with their content.

    Attributes:
        address: what comes before `/static` and `/vendor`; modules import each other by relative paths.
    """

    def __init__(self) -> None:
        package = Path(str(files("trellis_assets.servers.gallery")))
        self._files = {
            f"{folder}/{path.name}": PackedFile(path.read_bytes(), _kind(path))
            for folder in _FOLDERS
            for path in sorted((package / folder).iterdir())
            if path.is_file()
        }
        # The style of the charts, which reports hold in themselves.
        charts = Path(str(files("trellis_assets.reports"))) / "charts.css"
        self._files["static/charts.css"] = PackedFile(charts.read_bytes(), "text/css")
        digest = hashlib.sha256()
        for name, file in self._files.items():
            digest.update(name.encode() + hashlib.sha256(file.data).digest())
        self.address = f"/files/{digest.hexdigest()[:16]}"

    def router(self) -> APIRouter:
        """Return the route."""
        router = APIRouter()

        @router.get(self.address + "/{name:path}")
        def file(name: str, request: Request) -> Response:
            """Send a file, compressed if the caller accepts gzip."""
            found = self._files.get(name)
            if found is None:
                raise HTTPException(404, "there is no such file")
            if "gzip" in request.headers.get("accept-encoding", ""):
                encoding = {"content-encoding": "gzip"}
                return Response(found.packed, media_type=found.kind, headers=HEADERS | _KEEP | encoding)
            return Response(found.data, media_type=found.kind, headers=HEADERS | _KEEP)

        return router


def _kind(path: Path) -> str:
    return "text/javascript" if path.suffix == ".js" else mimetypes.guess_type(path.name)[0] or "text/plain"
