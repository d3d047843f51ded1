"""Run `trellis-assets report`: from days as text to a report on standard output or in a file."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from trellis_assets.ports import ReportQueries
from trellis_assets.reports.files import write_report
from trellis_assets.reports.writing import Format
from trellis_assets.settings import SettingsError

DEFAULT_DAYS = 7


def report_to(
    ledger: ReportQueries,
    name: str,
    *,
    since: str | None,
    until: str | None,
    form: str,
    out: Path | None,
    now: datetime,
) -> bytes:
    """Return the report; with `out`, write it there and return a line that says so.

    Raises:
        SettingsError: there is no such report, format or day, or the file cannot be written.
    """
    if out is None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"report.{form}"
            write_days(ledger, name, since=since, until=until, path=path, now=now)
            return path.read_bytes()
    if out.suffix.removeprefix(".") != form:
        out = out.with_name(f"{out.name}.{form}")
    try:
        rows = write_days(ledger, name, since=since, until=until, path=out, now=now)
    except OSError as error:
        raise SettingsError(f"{out} cannot be written: {error.strerror or error}") from error
    return f"{out}: {'written' if form == Format.HTML else f'{rows} rows'}\n".encode()


def write_days(
    ledger: ReportQueries, name: str, *, since: str | None, until: str | None, path: Path, now: datetime
) -> int:
    """Write the report of these days to a file; return its number of rows (of a page: 0).

    Raises:
        SettingsError: there is no such report, format or day.
    """
    start, end = span(since, until, now)
    return write_report(ledger, name, start, end, path)


def span(since: str | None, until: str | None, now: datetime) -> tuple[datetime, datetime]:
    """Return the start of the first day and of the day after the last, in UTC.

    Raises:
        SettingsError: a text is not a day, or the days are in the wrong order.
    """
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    last = _day(until, "--to") if until else today
    first = _day(since, "--from") if since else last - timedelta(days=DEFAULT_DAYS - 1)
    if first > last:
        raise SettingsError(f"--from {first:%Y-%m-%d} is after --to {last:%Y-%m-%d}")
    return first, last + timedelta(days=1)


def _day(text: str, option: str) -> datetime:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        day + timedelta(days=1), day - timedelta(days=DEFAULT_DAYS)  # the calendar ends
    except (ValueError, OverflowError):
        raise SettingsError(f"{option} {text!r:.40} is not a day: give one like 2026-11-23") from None
    return day
