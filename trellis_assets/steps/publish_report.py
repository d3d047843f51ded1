"""Publish a report: its files are in a folder, in the forms that were asked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PublishReportStep:
    """The step with what it works on.

    Attributes:
        write: writes report `name` over start..end to a path, in the form of its suffix; gives its rows.
    """

    folder: Path
    write: Callable[[str, datetime, datetime, Path], int]

    def run(
        self, name: str, start: datetime, end: datetime, *, stem: str, forms: Sequence[str]
    ) -> tuple[int, Mapping[str, Path]]:
        """Number of rows, and the files by form; files of the same stem are replaced."""
        written: dict[str, Path] = {}
        rows = 0
        for form in forms:
            path = self.folder / name / f"{stem}.{form}"
            rows = max(rows, self.write(name, start, end, path))
            written[form] = path
        return rows, written
