"""The wheel: it has every file that the product reads, and mines in an empty folder by itself."""

import json
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import httpx
import pytest
from hatchling.builders.wheel import WheelBuilder

from trellis_assets.system.tcp_ports import free_port
from trellis_assets.testing.clean_environment import clean_environment
from trellis_assets_tests.packages.test_requirements import locked, name_of

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Installed beside the package: what `mine` writes into its Dagster home is made of them.
TEMPLATES = {"dagster.yaml", "dagster.postgres.yaml", "dagster.celery.yaml"}
# Refuses what the product's lock does not name: an import of torch or of a test's tool fails as for a user.
GUARD = """
import sys
class OnlyTheProduct:
    refused = {refused!r}
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.refused:
            raise ModuleNotFoundError(name + " is not locked for the product", name=name)
sys.meta_path.insert(0, OnlyTheProduct())
"""


def files_of_the_tree() -> set[str]:
    """Every file of the package, whatever its ending."""
    files = (path for path in (ROOT / "trellis_assets").rglob("*") if path.is_file())
    return {str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts}


def test_the_wheel_has_every_file_of_the_tree_and_nothing_else() -> None:
    packed = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    tree = files_of_the_tree()
    assert len({name for name in tree if not name.endswith(".py")}) > 20
    assert packed == tree | {f"trellis_assets/{name}" for name in TEMPLATES}


def test_every_template_of_dagsters_home_is_in_the_wheel() -> None:
    assert {path.name for path in ROOT.glob("dagster*.yaml")} == TEMPLATES


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-w", str(folder), str(ROOT)], check=True, timeout=200)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs' folder of an environment with the wheel and only what the product's lock names.

    The libraries are this environment's, to save their download: a path file puts them behind the wheel.
    """
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "libraries.pth").write_text(f"{Path(httpx.__file__).parents[1]}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "-q"]
    subprocess.run([*command, "--no-deps", str(wheel)], check=True, timeout=100)
    ours = {name_of(name) for name in (*locked("product.txt"), "trellis-assets")}
    owners = packages_distributions()
    refused = sorted(name for name, by in owners.items() if not {name_of(owner) for owner in by} & ours)
    assert {"torch", "pytest", "celery", "transformers"} <= set(refused)
    (site / "sitecustomize.py").write_text(GUARD.format(refused=refused), encoding="utf-8")
    return folder / "bin"


def run(program: Path, *options: str, folder: Path, **variables: str) -> str:
    """What the command prints in a folder that has nothing of this checkout, and no variable of ours."""
    environment = clean_environment() | {"HOME": str(folder), **variables}
    done = subprocess.run(
        [program, *options],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_the_wheel_says_the_version_of_pyproject(wheel: Path, bare: Path, tmp_path: Path) -> None:
    version = PROJECT["version"]
    assert wheel.name == f"trellis_assets-{version}-py3-none-any.whl"
    assert run(bare / "trellis-assets", "--version", folder=tmp_path) == f"trellis-assets {version}\n"


@pytest.mark.slow
def test_the_wheel_takes_the_pythons_of_pyproject_and_carries_the_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        text = archive.read(metadata).decode()
        assert any(name.endswith("licenses/LICENSE") for name in archive.namelist())
    wanted = {
        part
        for line in text.splitlines()
        if line.startswith("Requires-Python")
        for part in line[17:].split(",")
    }
    assert wanted == set(PROJECT["requires-python"].split(","))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.xdist_group("end_to_end")
def test_the_wheel_alone_mines_five_tasks_in_an_empty_folder(bare: Path, tmp_path: Path) -> None:
    run(bare / "trellis-assets", "init", folder=tmp_path)
    ports = {f"TRELLIS_{part}_PORT": str(free_port()) for part in ("WEBSERVER", "GALLERY")}
    out = run(bare / "trellis-assets", "mine", "--tasks", "5", "--json", folder=tmp_path, **ports)
    session = json.loads(out.splitlines()[-1])["session_stats"]
    assert session["tasks_processed"] == 5
    assert {".env", "data"} <= {path.name for path in tmp_path.iterdir()}
    exported = run(bare / "trellis-assets", "report", "tasks", "--format", "html", folder=tmp_path)
    assert "<svg" in exported
