"""The compose files against the code: what they start exists, restarts, and is open to nobody else."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from trellis_assets_tests.deploy.known_commands import (
    DEPLOY,
    UnknownCommandError,
    check_command,
    unknown_settings,
)

OURS = {"miner", "worker", "webserver", "gallery", "generation", "validation"}
SERVERS_OF_OTHERS = {"postgres", "redis"}
SIGNS = {"miner", "worker"}


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"])


def with_defaults(text: str) -> str:
    """As compose fills it in where the operator has set nothing."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def env_files(service: dict[str, Any]) -> set[str]:
    named = service.get("env_file", [])
    return {named} if isinstance(named, str) else set(named)


def test_every_role_is_there(services: dict[str, dict[str, Any]]) -> None:
    assert set(services) == OURS | SERVERS_OF_OTHERS


@pytest.mark.parametrize("file", ["compose.yaml", "compose.gpu.yaml"])
def test_every_command_is_one_that_the_package_takes(file: str) -> None:
    read = yaml.safe_load((DEPLOY / file).read_text(encoding="utf-8"))["services"]
    for name, service in read.items():
        if name in OURS:
            check_command(service["command"])


def test_a_command_or_an_option_that_is_none_is_noticed() -> None:
    for words in (["mines"], ["mine", "--turbo"], ["server", "--port", "high"]):
        with pytest.raises(UnknownCommandError):
            check_command(words)


def test_every_service_starts_again_after_a_death_and_a_reboot(services: dict[str, dict[str, Any]]) -> None:
    assert {service["restart"] for service in services.values()} == {"unless-stopped"}


def test_ports_are_of_this_machine_unless_the_operator_names_another_address(
    services: dict[str, dict[str, Any]],
) -> None:
    ports = {port for service in services.values() for port in service.get("ports", [])}
    assert {with_defaults(port).split(":")[0] for port in ports} == {"127.0.0.1"}
    for name in ("webserver", "gallery"):
        assert all(port.startswith("127.0.0.1:") for port in services[name]["ports"]), "in no case elsewhere"


def test_a_server_that_binds_to_all_of_its_container_has_a_token(
    services: dict[str, dict[str, Any]],
) -> None:
    bound = {name for name, service in services.items() if "0.0.0.0" in service["command"]} & OURS
    assert bound == {"webserver", "gallery", "generation", "validation"}
    asking = {"models.env", "gallery.env", "webserver.env"}
    assert bound == {name for name in bound if env_files(services[name]) & asking}


def test_only_who_signs_has_the_key(services: dict[str, dict[str, Any]]) -> None:
    with_wallets = {name for name, s in services.items() if "wallets" in str(s.get("volumes"))}
    assert with_wallets == SIGNS
    assert all("./wallets:/wallets:ro" in services[name]["volumes"] for name in SIGNS)


def test_who_serves_models_reaches_no_state(services: dict[str, dict[str, Any]]) -> None:
    for name in ("generation", "validation"):
        assert services[name]["networks"] == ["models"]
        assert env_files(services[name]) == {"models.env"}


def test_secrets_are_in_environment_files_only(services: dict[str, dict[str, Any]]) -> None:
    assert [name for name, service in services.items() if "environment" in service] == []
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    assert not re.search(r"://[^\s/]*:[^\s/]*@", text), "no URL with a password"
    assert unknown_settings(re.findall(r"TRELLIS_\w+", text)) == set()


def test_our_services_have_no_more_rights_than_they_need(services: dict[str, dict[str, Any]]) -> None:
    for name in OURS:
        service = services[name]
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_every_volume_is_declared_and_no_two_processes_share_a_data_folder(
    services: dict[str, dict[str, Any]],
) -> None:
    declared = set(yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["volumes"])
    mounts = [tuple(v.split(":")[:2]) for s in services.values() for v in s["volumes"] if v[0] != "."]
    assert {source for source, _ in mounts} == declared
    data = [source for source, target in mounts if target == "/data"]
    assert len(data) == len(set(data))


def test_the_image_is_built_from_files_that_are_there() -> None:
    root = DEPLOY.parent
    lines = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = [line.removeprefix("!") for line in lines if line.startswith("!")]
    assert [name for name in kept if not (root / name).exists()] == []
    included = re.findall(
        r'^"(dagster[\w.]*)" = ', Path(root / "pyproject.toml").read_text("utf-8"), re.MULTILINE
    )
    assert set(included) <= set(kept), "the wheel cannot be built without"
    variables = re.findall(r"TRELLIS_\w+", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"))
    assert unknown_settings(variables) == set()


def test_the_page_describes_every_role(services: dict[str, dict[str, Any]]) -> None:
    page = (DEPLOY.parent / "docs" / "deployment.md").read_text(encoding="utf-8")
    assert [name for name in services if f"| `{name}` |" not in page] == []
    assert "Not run where the tests run" in page
