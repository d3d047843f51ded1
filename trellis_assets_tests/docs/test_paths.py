"""Links and paths in the documents lead somewhere."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")], key=lambda path: path.relative_to(ROOT).as_posix()
)
LINK = re.compile(r"\[[^\]]*\]\((?!https?://|mailto:)(?P<target>[^)#\s]*)(?:#[^)]*)?\)")
CODE = re.compile(r"`([^`\n]+)`")
# Folders of the data folder that are named as folders of the package are.
STARTS = ("trellis_assets", "trellis_assets_tests", "docs")
AT_RUN_TIME = {"reports", "data", "logs", "models", "backups", "build", "dist"}
# Before a deployment; git ignores them.
MADE_BY_PEOPLE = {"deploy/miner.env", "deploy/wallets/NAME/hotkeys/HOTKEY"}


def _tracked() -> set[str]:
    """Return the paths of all files that git knows, or is about to."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return set(listed.stdout.split("\n"))


def _is_there(name: str) -> bool:
    return any((ROOT / start / name).exists() for start in ("", *STARTS))


def _named_paths(text: str) -> list[str]:
    """Return the paths of the repository among what is set as code."""
    folders = {path.name for start in (".", "trellis_assets") for path in (ROOT / start).iterdir()}
    found = []
    for code in CODE.findall(text):
        name = code.partition("::")[0]
        first, has_folder, _ = name.partition("/")
        is_ours = first in folders and (first not in AT_RUN_TIME or name.endswith(".py"))
        if has_folder and is_ours and name not in MADE_BY_PEOPLE and re.fullmatch(r"[\w./-]+", name):
            found.append(name)
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_relative_link_of_a_document_leads_to_a_file(document: Path) -> None:
    targets = [link["target"] for link in LINK.finditer(document.read_text(encoding="utf-8"))]
    missing = [target for target in targets if target and not (document.parent / target).exists()]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_path_that_a_document_names_exists(document: Path) -> None:
    missing = [name for name in _named_paths(document.read_text(encoding="utf-8")) if not _is_there(name)]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_module_that_a_document_names_by_its_file_name_exists(document: Path) -> None:
    names = {path.rpartition("/")[2] for path in _tracked()}
    codes = CODE.findall(document.read_text(encoding="utf-8"))
    files = [code.partition("::")[0] for code in codes if re.fullmatch(r"\w+\.py(::\w+)?", code)]
    assert [name for name in files if name not in names] == []


def test_the_documents_are_found() -> None:
    names = {path.name for path in DOCUMENTS}
    assert {"README.md", "CONTRIBUTING.md", "architecture.md", "glossary.md", "index.md"} <= names
    assert _named_paths("`domain/tasks.py`, `logs/trellis.jsonl`, `adapters/`") == [
        "domain/tasks.py",
        "adapters/",
    ]
