"""Least privilege of a session's processes: each is given only the secrets that it uses."""

import os

from trellis_assets.orchestration.dagster_home import BROKER_VARIABLE, DATABASE_VARIABLE
from trellis_assets.settings import SECRETS, Settings
from trellis_assets.supervisor.pages import PAGES_SECRETS
from trellis_assets.system.proxies import loopback_exceptions

# The code server and the runs that it starts pull, sign and notify; no other process gets the key.
_SIGNERS = frozenset({"code_server", "run_workers"})
_SECRETS_OF = {
    "server": frozenset({"server_token"}),
    "gallery": frozenset({"server_token", "database_url", "files_options"}),
    "webserver": PAGES_SECRETS,
}
# The variables in which bittensor keeps passwords of encrypted keys.
_WALLET_PASSWORDS = "BT_PW_"
# A trace collector's key: the session itself exports the traces.
_COLLECTOR_KEYS = frozenset({"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"})
# The URLs of Dagster's history and of Celery's broker, and who opens neither.
_DAGSTER_URLS = frozenset({DATABASE_VARIABLE, BROKER_VARIABLE})
_WITHOUT_DAGSTER = frozenset({"server", "subnet"})
# glibc keeps freed memory in up to eight arenas per core, for threads that draw pictures once a task: with
# two a run worker holds 138 MB after its first tasks instead of 225. A value in our own environment counts.
_MEMORY = {"MALLOC_ARENA_MAX": "2"}


def child_environment(settings: Settings, name: str) -> dict[str, str]:
    """Return the environment of the child process `name`: ours, the settings, and its own secrets only."""
    inherited = {k: v for k, v in os.environ.items() if not _is_withheld(k, name)}
    secrets = SECRETS if name in _SIGNERS else _SECRETS_OF.get(name, frozenset())
    return _MEMORY | inherited | loopback_exceptions(inherited) | settings.environment(secrets)


def _is_withheld(variable: str, name: str) -> bool:
    """Return whether the child process `name` must not inherit the variable."""
    if variable.startswith(_WALLET_PASSWORDS):
        return name not in _SIGNERS
    return variable in _COLLECTOR_KEYS or (variable in _DAGSTER_URLS and name in _WITHOUT_DAGSTER)
