"""`constraints.txt` pins everything that the project installs: nothing is taken as it comes."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
# They install and are not installed by what they install.
APART = {"pip", "setuptools"}


def name_of(text: str) -> str:
    """The name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", text).lower()


def pinned() -> dict[str, str]:
    lines = [line.split("#")[0].strip() for line in (ROOT / "constraints.txt").read_text().splitlines()]
    return {name_of(name): version for name, _, version in (line.partition("==") for line in lines if line)}


def closure() -> set[str]:
    """Every distribution that the project and its development group need here, however far away."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    texts = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    texts += project["project"]["optional-dependencies"]["neural"]
    waiting = [(Requirement(text), "") for text in texts]
    seen: set[tuple[str, str]] = set()
    while waiting:
        wanted, extra = waiting.pop()
        if wanted.marker and not wanted.marker.evaluate({"extra": extra}):
            continue
        for asked in ("", *wanted.extras):
            found = (name_of(wanted.name), asked)
            if found in seen:
                continue
            seen.add(found)
            try:
                needs = distribution(wanted.name).requires or []
            except PackageNotFoundError:
                continue  # the neural extra may be left out
            waiting += [(Requirement(need), asked) for need in needs]
    return {name for name, _ in seen}


def test_every_distribution_that_is_needed_is_pinned() -> None:
    installed = {name for name in closure() if _version(name) is not None}
    assert len(installed) > 100
    # What comes with torch depends on the build that was chosen.
    unpinned = {name for name in installed - APART - pinned().keys() if not name.startswith("nvidia-")}
    assert sorted(unpinned) == []


def test_what_is_installed_is_what_is_pinned() -> None:
    differing = {
        name: (version, found)
        for name, version in pinned().items()
        # What follows a plus names the build: torch has several of one version.
        if (found := _version(name)) is not None and found.partition("+")[0] != version
    }
    assert differing == {}


def test_every_pin_is_one_exact_version() -> None:
    assert [pin for pin in pinned().items() if not re.fullmatch(r"\d[\w.!+]*", pin[1])] == []


def test_the_lock_is_used_wherever_the_project_is_installed() -> None:
    installs = [line for line in (ROOT / "Makefile").read_text().splitlines() if "pip install" in line]
    assert installs
    # The subnet's release of bittensor lives in an environment of its own, with pins of its own.
    locked = ("--constraint constraints.txt", "interop/requirements.txt")
    unlocked = [line for line in installs if not any(lock in line for lock in locked)]
    assert [line for line in unlocked if '"pip>=' not in line] == []


def _version(name: str) -> str | None:
    try:
        return distribution(name).version
    except PackageNotFoundError:
        return None
