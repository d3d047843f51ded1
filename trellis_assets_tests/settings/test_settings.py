"""Settings from flags, environment and `.env`: errors name the variable, and secrets are not shown."""

from pathlib import Path

import pytest

from trellis_assets.settings import FIELDS, Settings, SettingsError


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in FIELDS:
        monkeypatch.delenv(f"TRELLIS_{name.upper()}", raising=False)


def test_polls_are_seconds_apart_on_the_local_subnet_and_follow_the_rules_elsewhere() -> None:
    assert Settings.load().network.pull_interval < 10
    real = Settings.load(network="finney").network
    assert (real.pull_interval, real.error_backoff, real.pull_timeout_s) == (
        45,
        600,
        12,
    )


def test_the_data_folder_moves_everything(tmp_path: Path) -> None:
    settings = Settings.load(data_dir=tmp_path / "x")
    assert str(tmp_path / "x" / "trellis.db") in settings.storage.store_url
    assert settings.metagraph_file == tmp_path / "x" / "subnet" / "metagraph.json"


def test_a_metagraph_file_is_named_by_the_network(tmp_path: Path) -> None:
    assert Settings.load(network=f"file:{tmp_path}/m.json").metagraph_file == tmp_path / "m.json"
    assert Settings.load(network="finney").metagraph_file is None


def test_flags_beat_the_environment_and_the_environment_beats_dotenv(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("TRELLIS_MIN_SCORE=0.1\nTRELLIS_NETUID=89\n")
    assert Settings.load().validation.min_score == 0.1
    monkeypatch.setenv("TRELLIS_MIN_SCORE", "0.2")
    assert Settings.load().validation.min_score == 0.2
    assert Settings.load(min_score=0.3).validation.min_score == 0.3
    assert Settings.load().network.netuid == 89


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MIN_SCORE", "1.5"),
        ("PULL_TIMEOUT_S", "0"),
        ("NETWORK", "file:"),
        ("GENERATOR", "magic"),
        ("GENERATOR_URLS", "127.0.0.1:8096"),
        ("LOG_LEVEL", "loud"),
        ("DAGSTER_DATABASE_URL", "sqlite:///x.db"),
        ("FILES_OPTIONS", "key=hunter2"),
        ("FILES_OPTIONS", '["hunter2"]'),
    ],
)
def test_a_value_that_cannot_be_used_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"TRELLIS_{name}", value)
    with pytest.raises(SettingsError, match=f"TRELLIS_{name}") as caught:
        Settings.load()
    assert f"={value}" not in str(caught.value)


def test_several_generation_endpoints_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRELLIS_GENERATOR_URLS", "http://a:1/, http://b:2")
    assert Settings.load().generation.generator_urls == ("http://a:1", "http://b:2")


def test_a_child_process_loads_the_very_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.load(min_score=0.4, task_limit=3, generator_urls=("http://a:1", "http://b:2"))
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    child = Settings.load()
    assert child.environment() == settings.environment()
    assert (child.validation.min_score, child.mining.task_limit, child.generation.generator_urls) == (
        0.4,
        3,
        ("http://a:1", "http://b:2"),
    )


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    settings = Settings.load(database_url="postgresql://u:hunter2@h/d")
    assert "hunter2" not in repr(settings)
    assert "hunter2" in settings.storage.store_url


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_dagster_gets_the_driver_that_its_storage_works_with(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    settings = Settings.load(dagster_database_url=f"{scheme}://u:p@h/d")
    variables = settings.environment()
    assert variables["TRELLIS_DAGSTER_DATABASE_URL"] == "postgresql+psycopg2://u:p@h/d"
    monkeypatch.setenv("TRELLIS_DAGSTER_DATABASE_URL", variables["TRELLIS_DAGSTER_DATABASE_URL"])
    assert Settings.load() == settings


def test_the_store_and_dagster_do_not_share_a_database() -> None:
    with pytest.raises(SettingsError, match="another database") as caught:
        Settings.load(
            database_url="postgresql://u:hunter2@h/d", dagster_database_url="postgres://u:hunter2@h/d"
        )
    assert "hunter2" not in str(caught.value)


def test_options_of_the_file_storage_are_json_and_stay_secret() -> None:
    settings = Settings.load(files_options='{"key": "k", "secret": "hunter2"}')
    assert settings.storage.file_options == {"key": "k", "secret": "hunter2"}
    assert "hunter2" not in repr(settings)
    assert Settings.load().storage.file_options == {}


def test_a_child_process_does_not_read_dotenv_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What changes in it while mining must not reach some processes of a session and not others."""
    Path(".env").write_text("TRELLIS_MIN_SCORE=0.1\n")
    settings = Settings.load(network="local", min_score=0.3)
    Path(".env").write_text("TRELLIS_MIN_SCORE=0.9\nTRELLIS_NETWORK=finney\nTRELLIS_PULL_INTERVAL_S=1\n")
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    child = Settings.load()
    assert child.values() == settings.values() | {"data_dir": settings.storage.folder} | {
        "wallet_path": settings.network.wallet_path.expanduser()
    }


def test_a_child_in_another_folder_reads_the_same_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = Settings.load(network="file:m.json", data_dir="d", prompts_file="p.txt")
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    child = Settings.load()
    assert child.metagraph_file == tmp_path / "m.json"
    assert child.storage.folder == tmp_path / "d"
    assert child.mining.prompts_file == tmp_path / "p.txt"
