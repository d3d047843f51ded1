"""The gallery: how mining goes, and the newest models as pictures and in 3D, with everything to download."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response

from trellis_assets.domain.diagnostics import CheckResult, Health, as_json, worst
from trellis_assets.domain.earnings.report import EarningsReport
from trellis_assets.domain.overview import Overview
from trellis_assets.ports import ModelCatalogue
from trellis_assets.servers.gallery.live_figures import LiveReader
from trellis_assets.servers.gallery.model_files import ModelFiles
from trellis_assets.servers.gallery.model_routes import candidate_routes, file_routes, model_routes
from trellis_assets.servers.gallery.overview_routes import overview_routes
from trellis_assets.servers.gallery.packed_files import PackedFiles
from trellis_assets.servers.gallery.pages import HEADERS, Pages
from trellis_assets.servers.gallery.report_routes import WriteReport, report_routes


@dataclass(frozen=True, slots=True)
class GalleryParts:
    """What the gallery shows, and what it links to.

    Attributes:
        encode_metrics: returns all metrics as text with its media type, for a scraper's Accept header.
        exports: the folder of the exported statistics.
        overview: reads the figures of the start page.
        earnings: reads what the last day earned and cost; None where it is not known whose.
        mining: checks whether a miner works.
        notice: a quick check; what people who look at models should know, such as that mining is paused.
    """

    catalogue: ModelCatalogue
    models: ModelFiles
    write_report: WriteReport
    encode_metrics: Callable[[str], tuple[bytes, str]]
    exports: Path
    examine: Callable[[], Sequence[CheckResult]]
    dagster_url: str
    overview: Callable[[], Overview]
    earnings: Callable[[], EarningsReport | None] = lambda: None
    mining: Callable[[], Sequence[CheckResult]] = tuple
    notice: Callable[[], str | None] = lambda: None


def gallery_app(parts: GalleryParts) -> FastAPI:
    """Return the application. It only reads."""
    # FastAPI's own documentation pages load scripts from other hosts.
    reader = LiveReader(parts.overview, parts.earnings, parts.mining, parts.examine)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        reader.begin()
        yield

    app = FastAPI(
        title="trellis-assets gallery", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan
    )
    packed = PackedFiles()
    pages = Pages(parts.dagster_url, packed.address)
    app.include_router(overview_routes(reader, pages))
    app.include_router(model_routes(parts.catalogue, pages, parts.notice))
    app.include_router(file_routes(parts.catalogue, parts.models))
    app.include_router(candidate_routes(parts.catalogue, parts.models))
    app.include_router(report_routes(parts.write_report, parts.exports, pages))
    app.include_router(packed.router())

    @app.exception_handler(HTTPException)
    def problem(_: Request, error: HTTPException) -> HTMLResponse:
        return pages.render("problem", status=error.status_code, text=error.detail)

    @app.exception_handler(RequestValidationError)
    def unreadable(_: Request, __: RequestValidationError) -> HTMLResponse:
        return pages.render("problem", status=404, text="there is no such page")

    @app.get("/health")
    def health() -> dict[str, str]:
        """Return that the gallery is alive."""
        return {"status": "healthy"}

    @app.get("/doctor")
    def doctor() -> JSONResponse:
        """Return the results of all health checks; 503 if one has failed."""
        results = parts.examine()
        return JSONResponse(as_json(results), 503 if worst(results) is Health.FAILED else 200)

    @app.get("/metrics")
    def metrics(request: Request) -> Response:
        """Return the metrics of all processes of the data folder, for Prometheus."""
        text, media_type = parts.encode_metrics(request.headers.get("accept", ""))
        return Response(text, headers=HEADERS | {"content-type": media_type, "cache-control": "no-store"})

    return app
