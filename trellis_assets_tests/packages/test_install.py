"""`requirements/install` finds a Python that fits, or says what to install (with stand-ins for Python)."""

import os
import subprocess
from pathlib import Path

import pytest

INSTALL = Path(__file__).parents[2] / "requirements" / "install"


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    """A folder that is the whole PATH: what the script itself calls, and no Python."""
    for tool in ("dirname", "grep"):
        found = next(Path(p) / tool for p in os.get_exec_path() if (Path(p) / tool).exists())
        (tmp_path / tool).symlink_to(found)
    return tmp_path


def put_python(folder: Path, name: str, version: str, *, has_venv: bool = True) -> None:
    """A program that answers the script's two questions as a Python of that version would."""
    minor = int(version.split(".")[1])
    script = f"""#!/bin/sh
case "$2" in
  *ensurepip*) exit {0 if has_venv else 1} ;;
  *version_info*) test {minor} -ge 11 -a {minor} -le 13 ;;
esac
"""
    (folder / name).write_text(script, encoding="utf-8")
    (folder / name).chmod(0o755)


def chosen(folder: Path, **variables: str) -> tuple[str, str]:
    """What the script would take, and what it says."""
    done = subprocess.run(
        ["/bin/sh", INSTALL, "python"],
        env={"PATH": str(folder), **variables}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode == 0) == bool(done.stdout)
    return done.stdout.strip(), done.stderr.strip()


def test_a_python_of_the_distribution_is_found_under_its_plain_name(bin_folder: Path) -> None:
    put_python(bin_folder, "python3", "3.13.5")
    assert chosen(bin_folder) == ("python3", "")


def test_a_python_that_is_too_old_or_too_new_is_passed_over(bin_folder: Path) -> None:
    put_python(bin_folder, "python3", "3.14.0")
    put_python(bin_folder, "python", "3.10.1")
    put_python(bin_folder, "python3.12", "3.12.3")
    assert chosen(bin_folder) == ("python3.12", "")


def test_a_name_on_the_path_that_does_not_run_is_passed_over(bin_folder: Path) -> None:
    (bin_folder / "python3.11").write_text("#!/bin/sh\nexit 127\n", encoding="utf-8")
    (bin_folder / "python3.11").chmod(0o755)
    put_python(bin_folder, "python3.13", "3.13.0")
    assert chosen(bin_folder) == ("python3.13", "")


def test_a_python_without_its_venv_module_names_the_package_to_install(bin_folder: Path) -> None:
    put_python(bin_folder, "python3", "3.13.5", has_venv=False)
    taken, said = chosen(bin_folder)
    assert taken == ""
    assert "python3 cannot make virtual environments" in said
    assert "apt install python3-venv" in said


def test_uv_makes_the_environment_of_a_python_without_the_venv_module(bin_folder: Path) -> None:
    put_python(bin_folder, "python3", "3.13.5", has_venv=False)
    put_python(bin_folder, "uv", "3.0.0")
    assert chosen(bin_folder) == ("python3", "")


def test_uv_brings_a_python_where_there_is_none(bin_folder: Path) -> None:
    put_python(bin_folder, "uv", "3.0.0")
    assert chosen(bin_folder) == ("uv", "")


def test_without_python_and_uv_the_message_says_what_to_install(bin_folder: Path) -> None:
    put_python(bin_folder, "python3", "3.10.12")
    taken, said = chosen(bin_folder)
    assert taken == ""
    assert "No Python 3.11 to 3.13 was found" in said
    assert "apt install python3 python3-venv" in said
    assert "uv" in said


def test_a_named_python_that_does_not_fit_is_refused_by_name(bin_folder: Path) -> None:
    put_python(bin_folder, "python3.9", "3.9.1")
    put_python(bin_folder, "python3.11", "3.11.2")
    taken, said = chosen(bin_folder, PYTHON="python3.9")
    assert taken == ""
    assert "PYTHON=python3.9 is not a Python 3.11 to 3.13" in said
