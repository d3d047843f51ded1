"""Write reports to files, in the formats that the files' suffixes name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from trellis_assets.ports import ReportQueries
from trellis_assets.reports.charts import Chart
from trellis_assets.reports.period import ReportPeriod
from trellis_assets.reports.report import Report
from trellis_assets.reports.tables import REPORTS
from trellis_assets.reports.writing import Format, write_table
from trellis_assets.settings import SettingsError
from trellis_assets.system.atomic_write import write_atomically

PUBLISHED_FORMATS = (Format.PARQUET, Format.CSV, Format.HTML)


@dataclass(frozen=True, slots=True)
class PublishedReport:
    """What was written of a report.

    Attributes:
        rows: of its table.
        files: by their format.
        charts: those of its page.
    """

    rows: int
    files: Mapping[str, Path]
    charts: tuple[Chart, ...]


@dataclass(frozen=True, slots=True)
class ReportPublisher:
    """Publishes reports to the reports folder."""

    ledger: ReportQueries
    folder: Path

    def publish(
        self,
        name: str,
        start: datetime,
        end: datetime,
        *,
        stem: str,
        formats: Sequence[Format] = PUBLISHED_FORMATS,
    ) -> PublishedReport:
        """Write report `name` over start..end (excluded) to `<folder>/<name>/<stem>.<format>`.

        Files of the same name are replaced, each as a whole.

        Raises:
            SettingsError: there is no such report.
        """
        report, period = _report(name), ReportPeriod(self.ledger, start, end)
        charts = tuple(make(period) for make in report.charts)
        files = {str(form): self.folder / name / f"{stem}.{form}" for form in formats}
        rows = [_write(report, period, path, charts) for path in files.values()]
        return PublishedReport(max(rows, default=0), files, charts)


def write_report(ledger: ReportQueries, name: str, start: datetime, end: datetime, path: Path) -> int:
    """Write report `name` over start..end (excluded) to a file; return its number of rows (of a page: 0).

    Raises:
        SettingsError: there is no such report or format.
    """
    report, period = _report(name), ReportPeriod(ledger, start, end)
    suffix = path.suffix.removeprefix(".")
    if suffix not in set(Format):
        raise SettingsError(f"there is no format {suffix!r}: choose one of {', '.join(Format)}")
    charts = tuple(make(period) for make in report.charts) if suffix == Format.HTML else ()
    return _write(report, period, path, charts)


def _report(name: str) -> Report:
    if name not in REPORTS:
        raise SettingsError(f"there is no report {name!r}: choose one of {', '.join(REPORTS)}")
    return REPORTS[name]


def _write(report: Report, period: ReportPeriod, path: Path, charts: Sequence[Chart]) -> int:
    from trellis_assets.reports.page import render_page

    form = Format(path.suffix.removeprefix("."))
    if form is not Format.HTML:
        return write_table(report.rows(period), path, form)
    page = render_page(report, period, charts)
    write_atomically(path, page)
    return 0
