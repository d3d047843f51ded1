"""The table of faults in the docs is true: each row names a test of its own that exists."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
TABLE = TESTS.parent / "docs" / "faults.md"
NAMED = re.compile(r"\| `(?P<path>[\w/]+\.py)::(?P<name>test_\w+)` \|$")


def rows() -> list[str]:
    """Return the rows of all tables, without their headings."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("|") and not line.startswith(("| fault |", "|---"))]


def _exists(path: Path, name: str) -> bool:
    if not path.is_file():
        return False
    top = ast.parse(path.read_text(encoding="utf-8")).body
    return any(isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and n.name == name for n in top)


def test_every_row_names_a_test_that_exists() -> None:
    untrue = []
    for row in rows():
        named = NAMED.search(row)
        if named is None or not _exists(TESTS / named["path"], named["name"]):
            untrue.append(row)
    assert untrue == []
    assert len(rows()) > 40


def test_no_two_rows_stand_on_one_test() -> None:
    names = [named.group() for row in rows() if (named := NAMED.search(row)) is not None]
    assert len(names) == len(set(names))
