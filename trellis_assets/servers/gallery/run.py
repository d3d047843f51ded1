"""Run the gallery behind its middleware."""

from starlette.types import ASGIApp

from trellis_assets.servers.gallery.app import GalleryParts, gallery_app
from trellis_assets.servers.hosts import LOOPBACK, check_exposure
from trellis_assets.servers.login import Login
from trellis_assets.servers.middleware import BodyLimit, KnownHost
from trellis_assets.servers.same_origin import SameOrigin
from trellis_assets.servers.serving import serve

# The only body that it takes is a token.
MAX_BODY_BYTES = 64 * 1024


def guarded_gallery(parts: GalleryParts, *, host: str, token: str | None) -> ASGIApp:
    """Return the gallery behind the middleware that its address needs."""
    app: ASGIApp = BodyLimit(gallery_app(parts), MAX_BODY_BYTES)
    if token:
        app = Login(app, token, name="gallery", title="trellis_assets gallery")
    return KnownHost(SameOrigin(app), LOOPBACK if host in LOOPBACK else None)


def run_gallery(parts: GalleryParts, *, host: str, port: int, token: str | None) -> None:
    """Serve until stopped.

    Raises:
        ExposureError: other machines could reach it, and there is no token or a short one.
    """
    check_exposure(host, token, "TRELLIS_SERVER_TOKEN")
    app = guarded_gallery(parts, host=host, token=token)
    serve(app, host=host, port=port, log_level="warning")
