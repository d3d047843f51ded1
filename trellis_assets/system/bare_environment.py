"""The environment of child processes that talk to the outside: what Python and TLS need, and no secret."""

import os

_PASSED_ON = frozenset(
    {"PATH", "PYTHONPATH", "VIRTUAL_ENV", "LANG", "LC_ALL", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR"}
)
_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})


def bare_environment() -> dict[str, str]:
    """Return what such a child needs of our environment."""
    return {k: v for k, v in os.environ.items() if k in _PASSED_ON or k.lower() in _PROXIES}
