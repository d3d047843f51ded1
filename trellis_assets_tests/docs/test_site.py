"""The documents as a site: it builds without a warning, and its pages load nothing from other hosts."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What a browser loads by itself; a link is followed by people only.
LOADED = re.compile(r"<(?:script|img|iframe|source|link)\b[^>]*?\b(?:src|href)=\"(?:https?:)?//[^\"]*\"")
CANONICAL = re.compile(r"<link[^>]*rel=\"(?:canonical|author)\"")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder


def test_site_has_the_documents_and_the_reference(site: Path) -> None:
    assert "BackoffPolicy" in (site / "reference" / "domain.html").read_text(encoding="utf-8")
    assert "Clock" in (site / "reference" / "ports.html").read_text(encoding="utf-8")
    assert (site / "decisions" / "index.html").is_file()


def test_pages_load_nothing_from_other_hosts(site: Path) -> None:
    pages = [*site.rglob("*.html")]
    assert len(pages) > 20
    tags = {tag for page in pages for tag in LOADED.findall(page.read_text(encoding="utf-8"))}
    assert {tag for tag in tags if not CANONICAL.match(tag)} == set()


def test_styles_load_nothing_from_other_hosts(site: Path) -> None:
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert re.findall(r"(?:url\(|@import )['\"]?(?:https?:)?//[^)'\"]*", styles) == []
