"""The generation server alone: what it imports, what its package ships, and that it makes a model so."""

import ast
import os
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import httpx
import pytest

from trellis_assets.adapters.generation.embedded.backend import EmbeddedBackend
from trellis_assets.adapters.splat_io.codec import BytesCodec
from trellis_assets.adapters.splat_io.sniff import decode_splats
from trellis_assets.servers.generation import status_routes
from trellis_assets.servers.generation.app import generation_app
from trellis_assets.system.tcp_ports import free_port
from trellis_assets.testing.waiting import wait_until

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "packages" / "trellis-assets-server"
# What only the miner needs, or what is too heavy for TRELLIS's environment.
FOREIGN = (
    "dagster",
    "bittensor",
    "sqlalchemy",
    "numba",
    "pandas",
    "torch",
    "alembic",
    "matplotlib",
    "httptools",
)
# In the standard library since 3.11; `trellis_assets.system.compat` has them for both.
NEW = {"datetime.UTC", "enum.StrEnum", "typing.Self", "tomllib", "typing.assert_never", "asyncio.TaskGroup"}


@pytest.fixture(scope="module")
def modules() -> dict[str, Path]:
    """Return the modules of ours that the server's command imports, with their files."""
    code = """
import sys
import trellis_assets.servers.generation.__main__
print("foreign", *[name for name in sys.argv[1:] if name in sys.modules])
for name, module in list(sys.modules.items()):
    if name.split(".")[0] == "trellis_assets":
        print(name, module.__file__)
"""
    command = [sys.executable, "-c", code, *FOREIGN]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, timeout=120)
    first, *lines = done.stdout.splitlines()
    assert first.split() == ["foreign"], f"the server imports {first}"
    return {name: Path(file) for name, file in (line.split() for line in lines)}


def test_the_package_ships_every_module_that_the_server_imports(modules: dict[str, Path]) -> None:
    settings = tomllib.loads((PACKAGE / "pyproject.toml").read_text(encoding="utf-8"))
    included = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    shipped = [(PACKAGE / source).resolve() for source in included]
    missing = [
        name
        for name, file in modules.items()
        if not any(file == path or path in file.parents for path in shipped)
    ]
    assert missing == [], "add them to force-include, or import less"


def test_no_module_of_the_server_needs_python_3_11(modules: dict[str, Path]) -> None:
    found = []
    for name, file in modules.items():
        if name == "trellis_assets.system.compat":
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 10))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                found += [name for alias in node.names if f"{node.module}.{alias.name}" in NEW]
            if isinstance(node, ast.Import):
                found += [name for alias in node.names if alias.name in NEW]
            if isinstance(node, ast.TryStar):
                found.append(name)
    assert found == [], "import these from trellis_assets.system.compat"


def test_the_server_knows_its_version_where_only_its_own_package_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def version(name: str) -> str:
        if name == "trellis-assets":
            raise PackageNotFoundError(name)
        return "9.9"

    monkeypatch.setattr(status_routes, "version", version)
    assert generation_app(EmbeddedBackend(), BytesCodec()).version == "9.9"


@pytest.mark.slow
def test_the_package_alone_serves_a_model(tmp_path: Path) -> None:
    """Its wheel in a bare environment; what it depends on comes from this one, and nothing else of ours."""
    wheel = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(PACKAGE)]
    built = subprocess.run(wheel, capture_output=True, text=True, check=False, timeout=200)
    if built.returncode:
        pytest.skip(f"the wheel cannot be built without hatchling: {built.stderr[-300:]}")
    venv.create(tmp_path / "bare", with_pip=False)
    site = next((tmp_path / "bare").glob("lib/python*/site-packages"))
    (wheel_file,) = tmp_path.glob("*.whl")
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--target",
        str(site),
        str(wheel_file),
    ]
    subprocess.run(install, check=True, timeout=100)
    # A path file puts this environment's libraries behind the wheel's modules; editable installs stay out.
    libraries = Path(httpx.__file__).parents[1]
    (site / "libraries.pth").write_text(f"{libraries}\n", encoding="utf-8")
    port = free_port()
    python = tmp_path / "bare" / "bin" / "python"
    options = ("--port", str(port), "--backend", "embedded")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    server = subprocess.Popen(
        [python, "-m", "trellis_assets.servers.generation", *options], env=environment, cwd=tmp_path
    )
    try:
        url = f"http://127.0.0.1:{port}"

        def is_healthy() -> bool:
            try:
                return httpx.get(f"{url}/health/").status_code == 200
            except httpx.TransportError:
                return False

        wait_until(is_healthy)
        answer = httpx.post(f"{url}/generate/", data={"prompt": "a red vase", "seed": "7"}, timeout=60)
        assert len(decode_splats(answer.content)) == 32_000
    finally:
        server.terminate()
        server.wait(20)
