"""Routes of the start page: the page, and those of its sections that changed since a viewer got them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import markupsafe
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from trellis_assets.servers.gallery.live_figures import LiveReader
from trellis_assets.servers.gallery.overview_view import section_values
from trellis_assets.servers.gallery.pages import HEADERS, Pages

_HASH_LENGTH = 12
_LONGEST_QUERY = 400
_NOT_CACHED = HEADERS | {"cache-control": "no-store"}


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page that is exchanged as a whole.

    Attributes:
        html: with every text escaped.
        digest: of the HTML, by which a viewer says what it has.
    """

    html: markupsafe.Markup
    digest: str


def overview_routes(reader: LiveReader, pages: Pages) -> APIRouter:
    """Return the routes of the start page."""
    router = APIRouter()

    def sections() -> Mapping[str, Section]:
        values = section_values(reader.read())
        return {name: _section(pages.fragment(f"overview/{name}", of)) for name, of in values.items()}

    @router.get("/")
    def overview(request: Request) -> Response:
        """Show how mining goes. A filter of models, as links of before have it, leads to the models."""
        if request.url.query:
            return RedirectResponse(f"/models?{request.url.query}", 307, HEADERS)
        page: HTMLResponse = pages.render("overview", sections=sections())
        page.headers["cache-control"] = "no-store"
        return page

    @router.get("/live")
    def live(have: str = "") -> JSONResponse:
        """Send the sections that a viewer does not have, as HTML by name.

        Args:
            have: digests of those that it has, with dots between them.
        """
        known = set(have[:_LONGEST_QUERY].split("."))
        changed = {
            name: {"html": str(section.html), "digest": section.digest}
            for name, section in sections().items()
            if section.digest not in known
        }
        return JSONResponse({"sections": changed}, headers=_NOT_CACHED)

    return router


def _section(html: str) -> Section:
    digest = hashlib.sha256(html.encode()).hexdigest()[:_HASH_LENGTH]
    # Of our templates, which escape every value.
    return Section(markupsafe.Markup(html), digest)  # noqa: S704
