"""The systemd units: what systemd itself says of them, and the same against the code."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from trellis_assets_tests.deploy.known_commands import DEPLOY, check_command, unknown_settings

UNITS = DEPLOY / "systemd"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
PROGRAM = "/opt/trellis-assets/.venv/bin/trellis-assets"
HARDENED = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "RestrictSUIDSGID": "yes",
    "CapabilityBoundingSet": "",
    "SystemCallFilter": "@system-service",
    "UMask": "0077",
}
SIGNS = {"trellis-assets-miner@.service", "trellis-assets-worker@.service"}


def entries(name: str) -> dict[str, list[str]]:
    """Return what a unit says, whatever the section. No key occurs in two of them."""
    found: dict[str, list[str]] = {}
    for line in (UNITS / name).read_text(encoding="utf-8").splitlines():
        if line and line[0] not in "#[":
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


def words_of(name: str, instance: str = "0") -> list[str]:
    (command,) = entries(name)["ExecStart"]
    words = shlex.split(command.replace("%i", instance))
    return words[words.index(PROGRAM) + 1 :]


def test_every_role_has_its_unit() -> None:
    commands = {check_command(words_of(name)) for name in SERVICES}
    assert commands == {"mine", "worker", "webserver", "gallery", "server", "validator-server"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_restarts_for_ever_and_belongs_to_the_target(name: str) -> None:
    unit = entries(name)
    assert unit["Restart"] == ["on-failure"]
    assert unit["StartLimitIntervalSec"] == ["0"]
    assert unit["PartOf"] == unit["WantedBy"] == ["trellis-assets.target"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_is_hardened(name: str) -> None:
    unit = entries(name)
    assert {key: unit[key] for key in HARDENED} == {key: [value] for key, value in HARDENED.items()}
    assert unit["User"] != ["root"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_sets_settings_that_exist_and_no_secret(name: str) -> None:
    unit = entries(name)
    (command,) = unit["ExecStart"]
    pairs = [pair for line in [*unit["Environment"], command] for pair in line.split() if "=" in pair]
    assert unknown_settings(pair.split("=")[0] for pair in pairs) == set()
    assert not any(word in pair for pair in pairs for word in ("PASSWORD", "TOKEN", "_URL", "BROKER"))
    assert all(file.lstrip("-").startswith("/etc/trellis-assets/") for file in unit["EnvironmentFile"])


@pytest.mark.parametrize("name", SERVICES)
def test_only_who_signs_sees_the_key(name: str) -> None:
    unit = entries(name)
    if name in SIGNS:
        assert unit["ReadOnlyPaths"] == ["/etc/trellis-assets/wallets"]
        assert "TRELLIS_WALLET_HOTKEY=%i" in unit["ExecStart"][0], "files would win over Environment="
    else:
        assert unit["InaccessiblePaths"] == ["-/etc/trellis-assets"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_binds_to_loopback(name: str) -> None:
    assert "--host" not in words_of(name), "the default is 127.0.0.1"


def test_a_stop_waits_for_the_work_in_hand() -> None:
    from trellis_assets.settings import Settings

    settings = Settings.load(env_file=None)
    (miner,), (worker,) = (entries(name)["TimeoutStopSec"] for name in sorted(SIGNS))
    assert int(miner) >= settings.mining.stop_timeout_s + 7 * 10, "and then seven children, ten seconds each"
    run_s = (
        settings.generation.generation_timeout_s
        + settings.validation.validation_timeout_s
        + settings.network.submit_timeout_s
    )
    assert int(worker) >= run_s


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("name", [*SERVICES, "trellis-assets.target"])
def test_systemd_finds_nothing_wrong(name: str, tmp_path: Path) -> None:
    for path in UNITS.iterdir():
        text = path.read_text(encoding="utf-8").replace(PROGRAM, sys.executable)
        (tmp_path / path.name.replace("@.", "@0.")).write_text(text, encoding="utf-8")
    command = ["systemd-analyze", "verify", "--man=no", "--generators=no", f"./{name.replace('@.', '@0.')}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
