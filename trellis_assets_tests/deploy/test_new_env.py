"""The script that writes the environment files: secrets, file modes, and settings that load."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from trellis_assets.composition import secret
from trellis_assets.settings import RunLauncherName, Settings
from trellis_assets_tests.deploy.known_commands import DEPLOY, unknown_settings, variables_of


def new_env(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(DEPLOY / "new-env"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def loaded(monkeypatch: pytest.MonkeyPatch, *files: Path) -> Settings:
    for file in files:
        for name, value in variables_of(file).items():
            monkeypatch.setenv(name, value)
    return Settings.load(env_file=None)


def test_it_writes_every_file_that_compose_and_systemd_read(tmp_path: Path) -> None:
    assert new_env(tmp_path).returncode == 0
    written = {path.name for path in tmp_path.iterdir()}
    wanted = set()
    for service in yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"].values():
        named = service["env_file"]
        wanted |= {named} if isinstance(named, str) else set(named)
    assert written == wanted
    for unit in (DEPLOY / "systemd").glob("*.service"):
        required = re.findall(
            r"^EnvironmentFile=/etc/trellis-assets/(.*)$", unit.read_text("utf-8"), re.MULTILINE
        )
        assert set(required) <= written


def test_files_are_their_owner_s_and_secrets_new_each_time(tmp_path: Path) -> None:
    texts = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        new_env(folder)
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
        assert "<" not in "".join(f"{k}={v}" for p in folder.iterdir() for k, v in variables_of(p).items())
        texts.append({variables_of(folder / "postgres.env")["POSTGRES_PASSWORD"]})
        texts.append({variables_of(folder / "gallery.env")["TRELLIS_SERVER_TOKEN"]})
        texts.append({variables_of(folder / "webserver.env")["TRELLIS_WEBSERVER_TOKEN"]})
        texts.append({variables_of(folder / "models.env")["TRELLIS_SERVER_TOKEN"]})
        texts.append({variables_of(folder / "redis.env")["REDIS_PASSWORD"]})
    assert len(set.union(*texts)) == len(texts)
    assert min(len(text) for text in set.union(*texts)) >= 32


def test_it_does_not_touch_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "miner.env").write_text("mine")
    done = new_env(tmp_path)
    assert done.returncode == 1
    assert "miner.env exists" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["miner.env"]


def test_the_roles_settings_load_and_their_secrets_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_env(tmp_path)
    names = {name for path in tmp_path.iterdir() for name in variables_of(path)}
    assert unknown_settings(names) == set()
    miner = loaded(monkeypatch, tmp_path / "store.env", tmp_path / "miner.env")
    assert miner.orchestration.run_launcher is RunLauncherName.CELERY
    token = variables_of(tmp_path / "models.env")["TRELLIS_SERVER_TOKEN"]
    assert secret(miner.generation.generator_token) == secret(miner.validation.validator_token) == token
    password = variables_of(tmp_path / "postgres.env")["POSTGRES_PASSWORD"]
    assert f":{password}@postgres/trellis" in miner.storage.store_url
    assert f":{password}@postgres/trellis_dagster" in (secret(miner.storage.dagster_database_url) or "")
    assert miner.orchestration.celery_broker is not None


def test_hosts_of_compose_become_the_address_that_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_env(tmp_path, "10.0.0.7")
    settings = loaded(monkeypatch, tmp_path / "store.env", tmp_path / "miner.env")
    assert settings.generation.generator_urls == ("http://10.0.0.7:8100",), "the unit of GPU 0"
    assert settings.validation.validator_url == "http://10.0.0.7:8094"
    assert "@10.0.0.7/" in settings.storage.store_url
    assert "@10.0.0.7/" in (secret(settings.orchestration.celery_broker) or "")


def test_files_of_secrets_are_ignored_by_git() -> None:
    ignored = (DEPLOY.parent / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"/deploy/*.env", "/deploy/wallets/"} <= set(ignored)
