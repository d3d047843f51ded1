"""Starting the gallery."""

import uvicorn
from starlette.types import ASGIApp

from trellis_assets.servers.gallery.app import GalleryParts, gallery_app
from trellis_assets.servers.gallery.entrance import Entrance
from trellis_assets.servers.guards import check_exposure, guarded

# Nobody sends it anything but a token.
MAX_BODY_BYTES = 64 * 1024


def guarded_gallery(parts: GalleryParts, *, host: str, token: str | None) -> ASGIApp:
    """The gallery behind what it needs where it is bound."""
    app: ASGIApp = gallery_app(parts)
    if token:
        app = Entrance(app, token)
    return guarded(app, max_body=MAX_BODY_BYTES, host=host, token=None)


def run_gallery(parts: GalleryParts, *, host: str, port: int, token: str | None) -> None:
    """Serve until stopped.

    Raises:
        ExposureError: other machines could reach it and there is no token.
    """
    check_exposure(host, token, "TRELLIS_SERVER_TOKEN")
    app = guarded_gallery(parts, host=host, token=token)
    uvicorn.run(app, host=host, port=port, log_level="warning")
