"""`requirements/` locks everything that the project installs: every version, with the hashes of its files."""

import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "requirements"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# They install and are not installed by what they install.
APART = {"pip", "setuptools"}
# One version and many builds; some bring libraries of CUDA.
TORCH = re.compile(r"torch|triton|nvidia-.*|cuda-.*")
PIN = re.compile(r"^([\w.-]+)==([^\s;]+)(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)


def name_of(text: str) -> str:
    """The name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", text).lower()


def locked(*files: str) -> dict[str, str]:
    """Versions by name."""
    return {name_of(name): version for name, version, _ in blocks(*files)}


def blocks(*files: str) -> list[tuple[str, str, str]]:
    return [found for file in files for found in PIN.findall((LOCKS / file).read_text(encoding="utf-8"))]


def closure(*texts: str) -> set[str]:
    """Every distribution that these requirements need here, however far away."""
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
                continue
            waiting += [(Requirement(need), asked) for need in needs]
    return {name for name, _ in seen if _version(name) is not None}


def extras() -> list[str]:
    """What the optional dependencies add; `gpu` is not locked, it fits the CUDA of the machine."""
    groups = PROJECT["project"]["optional-dependencies"]
    return [text for name, group in groups.items() if name != "gpu" for text in group]


def test_the_product_alone_is_locked_by_itself() -> None:
    needed = closure(*PROJECT["project"]["dependencies"])
    assert len(needed) > 80
    assert sorted(needed - APART - locked("product.txt").keys()) == []


def test_the_product_needs_no_torch() -> None:
    """It is most of the megabytes, and only the optional networks compute with it."""
    assert [name for name in closure(*PROJECT["project"]["dependencies"]) if TORCH.fullmatch(name)] == []


def test_the_optional_dependencies_and_the_tests_tools_are_locked() -> None:
    needed = closure(*extras(), *PROJECT["dependency-groups"]["dev"])
    known = locked("product.txt", "extras.txt", "development.txt", "torch.txt").keys()
    assert sorted(name for name in needed - APART - known if not TORCH.fullmatch(name)) == []


def test_what_is_installed_is_what_is_locked() -> None:
    differing = {
        name: (version, found)
        for name, version in locked("product.txt", "extras.txt", "development.txt", "torch.txt").items()
        # What follows a plus names the build: torch has several of one version.
        if (found := _version(name)) is not None and found.partition("+")[0] != version
    }
    assert differing == {}


def test_everything_but_torch_has_hashes() -> None:
    files = [path.name for path in LOCKS.glob("*.txt")]
    without = [name for name, _, rest in blocks(*files) if "--hash=sha256:" not in rest]
    assert without == ["torch"]


def test_no_package_is_locked_twice() -> None:
    names = [name_of(name) for name, _, _ in blocks("product.txt", "extras.txt", "development.txt")]
    assert len(names) == len(set(names)) > 200


@pytest.mark.parametrize("minor", ["3.11.2", "3.13.5"])
def test_every_direct_dependency_is_locked_within_its_bounds(minor: str) -> None:
    """On the oldest Python that a distribution ships (Debian 12) and on that of Debian 13."""
    versions = locked("product.txt", "extras.txt", "development.txt", "torch.txt")
    wanted = [*PROJECT["project"]["dependencies"], *extras(), *PROJECT["dependency-groups"]["dev"]]
    for requirement in map(Requirement, wanted):
        if requirement.marker is None or requirement.marker.evaluate({"python_full_version": minor}):
            assert requirement.specifier.contains(versions[name_of(requirement.name)]), requirement


def test_the_pythons_that_are_looked_for_are_those_that_the_package_takes() -> None:
    allowed = SpecifierSet(PROJECT["project"]["requires-python"])
    script = (LOCKS / "install").read_text(encoding="utf-8")
    oldest, newest = (int(re.search(rf"{word}=(\d+)", script)[1]) for word in ("OLDEST", "NEWEST"))  # type: ignore[index]
    taken = [minor for minor in range(30) if allowed.contains(f"3.{minor}.0")]
    assert taken == list(range(oldest, newest + 1))
    assert f"python_version < '3.{newest + 1}'" in PROJECT["tool"]["uv"]["environments"][0]
    assert all(f"python3.{minor}" in script for minor in taken)
    assert sys.version_info[1] in taken


def _version(name: str) -> str | None:
    try:
        return distribution(name).version
    except PackageNotFoundError:
        return None
