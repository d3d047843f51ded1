"""Reports as files, in the form that a path's suffix names."""

from datetime import datetime
from pathlib import Path

from trellis_assets.ports import Ledger
from trellis_assets.reports.page import write_page
from trellis_assets.reports.tables import REPORTS
from trellis_assets.reports.writing import Format, whole_file, write_table
from trellis_assets.settings import SettingsError


def write_report(ledger: Ledger, name: str, start: datetime, end: datetime, path: Path) -> int:
    """The report over start..end (excluded) is in the file; its number of rows (of a page: 0).

    Raises:
        SettingsError: no such report or form.
    """
    if name not in REPORTS:
        raise SettingsError(f"there is no report {name!r}: there are {', '.join(REPORTS)}")
    suffix = path.suffix.removeprefix(".")
    if suffix not in set(Format):
        raise SettingsError(f"there is no format {suffix!r}: there are {', '.join(Format)}")
    report = REPORTS[name]
    if suffix == Format.HTML:
        page = write_page(report, ledger, start, end)
        with whole_file(path) as partial:
            partial.write_text(page, encoding="utf-8")
        return 0
    return write_table(report.pieces(ledger, start, end), path, Format(suffix))
