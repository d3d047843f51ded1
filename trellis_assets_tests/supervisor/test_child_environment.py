"""What each process of a session is given of the environment and of the settings."""

from pathlib import Path

import pytest

from trellis_assets.settings import Settings
from trellis_assets.supervisor.child_environment import child_environment

# Each secret is named after its variable, so that it is told in which process it was found.
SECRETS = {
    "TRELLIS_DEV_HOTKEY_URI": "//SecretKey",
    "TRELLIS_WEBHOOK_URL": "https://h/SecretWebhook",
    "TRELLIS_GENERATOR_TOKEN": "SecretGenerator",
    "TRELLIS_SERVER_TOKEN": "SecretServerToken",
    "TRELLIS_WEBSERVER_TOKEN": "SecretPagesToken",
    "TRELLIS_DATABASE_URL": "postgresql+psycopg://u:SecretStore@h/a",
    "TRELLIS_TRACES_URL": "https://h/SecretCollector",
    "BT_PW__WALLETS_DEFAULT": "SecretWalletPassword",
    "DAGSTER_POSTGRES_URL": "postgresql://u:SecretHistory@h/b",
    "DAGSTER_CELERY_BROKER_URL": "redis://:SecretBroker@h/0",
    "OTEL_EXPORTER_OTLP_HEADERS": "key=SecretHeaders",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "key=SecretTraceHeaders",
}
DAGSTER = {"DAGSTER_POSTGRES_URL", "DAGSTER_CELERY_BROKER_URL"}
HEADERS = {"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"}
GIVEN = {
    "code_server": set(SECRETS) - HEADERS,
    "run_workers": set(SECRETS) - HEADERS,
    "daemon": DAGSTER,
    "webserver": DAGSTER | {"TRELLIS_WEBSERVER_TOKEN"},
    "gallery": DAGSTER | {"TRELLIS_SERVER_TOKEN", "TRELLIS_DATABASE_URL"},
    "server": {"TRELLIS_SERVER_TOKEN"},
    "subnet": set(),
}


@pytest.mark.parametrize("name", GIVEN)
def test_each_process_is_given_only_the_secrets_that_it_uses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for variable, value in SECRETS.items():
        monkeypatch.setenv(variable, value)
    given = child_environment(Settings.load(env_file=None, data_dir=tmp_path), name)
    assert {variable for variable, value in given.items() if "Secret" in value} == GIVEN[name]
