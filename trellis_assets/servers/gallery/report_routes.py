"""The gallery's reports: a form to choose one, the file, and the statistics that were exported."""

import re
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.background import BackgroundTask

from trellis_assets.reports.tables import REPORTS
from trellis_assets.reports.writing import Format
from trellis_assets.servers.gallery.pages import HEADERS, REPORT_POLICY, Pages

# Writes a report of the days since..until (None: the last week) to a path, in the format of its suffix.
# Raises ValueError if there is no such report or day.
WriteReport = Callable[[str, str | None, str | None, Path], object]
_WEEK = timedelta(days=6)
_EXPORT = re.compile(r"statistics_\d{8}T\d{6}_\d{6}\.json")


def report_routes(write: WriteReport, exports: Path, pages: Pages) -> APIRouter:
    """Return the routes of the reports.

    Args:
        write: writes one report to a file.
        exports: the folder of the exported statistics.
        pages: the templates.
    """
    router = APIRouter()

    @router.get("/reports")
    def choice() -> HTMLResponse:
        """Show the form."""
        today = datetime.now(UTC).date()
        days = {"since": str(today - _WEEK), "until": str(today)}
        forms = sorted(Format, key=lambda form: form != Format.HTML)
        return pages.render("reports", names=list(REPORTS), forms=forms, days=days)

    @router.get("/report")
    def report(name: str = "", form: str = "", since: str = "", until: str = "") -> Response:
        """Send one report as a file; the page with charts is shown instead of downloaded."""
        if name not in REPORTS or form not in set(Format):
            raise HTTPException(404, f"reports are {', '.join(REPORTS)}, as {', '.join(Format)}")
        folder = tempfile.TemporaryDirectory()
        path = Path(folder.name) / f"{name}.{form}"
        try:
            write(name, since or None, until or None, path)
        except ValueError as error:
            folder.cleanup()
            raise HTTPException(400, str(error)) from None
        except BaseException:
            folder.cleanup()
            raise
        return FileResponse(
            path,
            filename=None if form == Format.HTML else path.name,
            headers=HEADERS | {"content-security-policy": REPORT_POLICY},
            background=BackgroundTask(folder.cleanup),
        )

    @router.get("/statistics/{name}")
    def statistics(name: str) -> Response:
        """Send exported statistics as a file; the newest 200 exports are kept."""
        path = exports / name
        if not _EXPORT.fullmatch(name) or not path.is_file():
            raise HTTPException(404, "these statistics are not kept any more")
        return FileResponse(path, filename=name, headers=HEADERS | {"content-security-policy": REPORT_POLICY})

    return router
