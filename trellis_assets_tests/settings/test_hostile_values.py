"""Whatever is in the variables: settings whose numbers are in range, or an error that tells no secret."""

import json
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trellis_assets.settings import FIELDS, SECRETS, Settings, SettingsError
from trellis_assets.settings.groups import GROUPS

QUICK = settings(max_examples=150, deadline=None)
NAMES = sorted(FIELDS)
PLAIN = sorted(set(NAMES) - SECRETS)
# What holds a secret and must look like something else around it.
SHAPES: dict[str, Callable[[str], str]] = {
    "traces_url": lambda text: f"http://collector/{text}",
    "celery_broker": lambda secret: f"redis://:{secret}@here/0",
    "dagster_database_url": lambda secret: f"postgresql+psycopg2://me:{secret}@here/x",
    "files_options": lambda secret: json.dumps({"key": secret}),
}
# What an environment can hold: no NUL; bytes that are no UTF-8 arrive as lone surrogates.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=40)
odd = st.sampled_from(
    [
        "",
        " ",
        "nan",
        "inf",
        "-inf",
        "1e309",
        "9" * 400,
        "9" * 5000,
        "-1",
        "~nobody-at-all/x",
        "file:",
        "http://",
        "http://[",
        "2026-13-01",
        "true",
        "[]",
        "{}",
        "//",
        "\x1b[31m",
        "\n",
        "\u202e",
        "ws://[::x/key",
        "\udcff",
    ],
)


def load(**variables: str) -> Settings:
    with patch.dict(os.environ, {f"TRELLIS_{name.upper()}": value for name, value in variables.items()}):
        return Settings.load()


@pytest.fixture(autouse=True, scope="module")
def _nothing_of_this_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(tmp_path_factory.mktemp("nowhere"))
        for name in NAMES:
            patched.delenv(f"TRELLIS_{name.upper()}", raising=False)
        yield


@QUICK
@given(st.sampled_from(PLAIN), texts | odd)
@example("duplicate_window_h", "1e300")
@example("keep_tasks_days", "inf")
@example("data_dir", "~nobody-at-all/x")
def test_any_text_in_any_variable_is_a_setting_in_range_or_a_named_error(name: str, value: str) -> None:
    try:
        loaded = load(**{name: value})
    except SettingsError as error:
        assert f"TRELLIS_{name.upper()}" in str(error)
        return
    numbers = [v for v in loaded.values().values() if isinstance(v, int | float)]
    assert all(math.isfinite(number) and abs(number) <= 1e308 for number in numbers)
    # What is made of settings everywhere fails for none that was taken.
    assert loaded.storage.folder.is_absolute()
    assert loaded.storage.store_url
    assert loaded.network.pull_interval > 0
    assert loaded.network.error_backoff > 0
    assert set(loaded.shown()) == {f"TRELLIS_{known.upper()}" for known in NAMES}
    if "://" in loaded.network.network:
        assert "key" not in loaded.network.display_name
    told = loaded.environment()
    child = load(**{variable.removeprefix("TRELLIS_").lower(): text for variable, text in told.items()})
    assert child.environment() == told


@QUICK
@given(st.sampled_from(sorted(SECRETS)), texts)
def test_a_secret_is_shown_nowhere(name: str, value: str) -> None:
    marked = f"SECRET{value}KEY"
    given_value = SHAPES.get(name, str)(marked)
    loaded = load(**{name: given_value})
    dumped = [getattr(loaded, group).model_dump_json() for group in GROUPS]
    assert marked not in f"{loaded!r} {loaded} {loaded.shown()} {dumped} {loaded.values()}"
    assert loaded.environment()[f"TRELLIS_{name.upper()}"] == given_value


@QUICK
@given(st.sampled_from(sorted(SECRETS)), st.sampled_from(PLAIN), texts | odd)
def test_another_settings_error_tells_no_secret(secret: str, name: str, value: str) -> None:
    try:
        load(**{secret: "marked-secret", name: value})
    except SettingsError as error:
        assert "marked-secret" not in str(error)


def test_a_password_in_an_address_is_not_shown() -> None:
    addresses = {
        "generator_urls": "http://a:hunter2@h:1,http://b:hunter2@h:2",
        "validator_url": "http://c:hunter2@h",
    }
    loaded = load(**addresses, network="wss://entry.example/hunter2")
    assert "hunter2" not in str(loaded.shown())
    assert loaded.shown()["TRELLIS_GENERATOR_URLS"] == "http://***@h:1,http://***@h:2"
    assert loaded.network.display_name == "wss://entry.example"


def test_a_process_is_told_only_the_secrets_that_it_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where `.env` names them again."""
    Path(".env").write_text("TRELLIS_SERVER_TOKEN=from-dotenv\nTRELLIS_DEV_HOTKEY_URI=//FromDotenv\n")
    loaded = Settings.load(webhook_url="http://h/hunter2")
    told = loaded.environment({"server_token"})
    assert "hunter2" not in str(told)
    assert "FromDotenv" not in str(told)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    child = Settings.load()
    assert child.servers.server_token is not None
    assert child.servers.server_token.get_secret_value() == "from-dotenv"
    assert child.mining.webhook_url is None
    assert child.network.dev_hotkey_uri.get_secret_value() == ""
    Path(".env").unlink()


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"TRELLIS_MIN_SCORE=hunter2\n", b"TRELLIS_NETUID=\xc3\x28\n"]
)
def test_a_dotenv_that_cannot_be_used_is_named_and_not_quoted(content: bytes) -> None:
    Path(".env").write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert "hunter2" not in str(caught.value)
    Path(".env").unlink()
