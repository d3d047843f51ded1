"""Least privilege of a session's processes: each is given only the secrets that it uses."""

import os

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
# glibc keeps freed memory in up to eight arenas per core, for threads that draw pictures once a task: with
# two a run worker holds 138 MB after its first tasks instead of 225. A value in our own environment counts.
_MEMORY = {"MALLOC_ARENA_MAX": "2"}


def child_environment(settings: Settings, name: str) -> dict[str, str]:
    """Return the environment of the child process `name`: ours, the settings, and its own secrets only."""
    inherited = dict(os.environ)
    if name not in _SIGNERS:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(_WALLET_PASSWORDS)}
    secrets = SECRETS if name in _SIGNERS else _SECRETS_OF.get(name, frozenset())
    return _MEMORY | inherited | loopback_exceptions(inherited) | settings.environment(secrets)
