"""Proxies of the environment: calls to this machine use none, and users of one can be named.

Dagster's daemon (gRPC), httpx and websockets read `http_proxy`, `https_proxy` and their kin. With one set,
calls to our own processes on 127.0.0.1 would be sent to the proxy, which cannot reach them.
"""

import os
from collections.abc import Mapping, MutableMapping
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

LOOPBACK = ("localhost", "127.0.0.1", "::1")
# gRPC reads the second one instead of the first where it is set.
_EXCEPTIONS, _GRPC_EXCEPTIONS = "no_proxy", "no_grpc_proxy"
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy")


def loopback_exceptions(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that exempt loopback from every proxy; empty where no proxy is set.

    Example:
        {"http_proxy": "http://p:3128", "NO_PROXY": "db"} gives `no_proxy` and `NO_PROXY` the value
        "db,localhost,127.0.0.1,::1".
    """
    if not proxies_in(environment):
        return {}
    known = [environment.get(name, "") for name in (_EXCEPTIONS, _EXCEPTIONS.upper())]
    value = _joined(*known)
    changes = {_EXCEPTIONS: value, _EXCEPTIONS.upper(): value}
    if environment.get(_GRPC_EXCEPTIONS):
        changes[_GRPC_EXCEPTIONS] = _joined(environment[_GRPC_EXCEPTIONS])
    return changes


def bypass_proxies_for_loopback(environment: MutableMapping[str, str] = os.environ) -> None:
    """Exempt loopback from the proxies of this process and its children: see `loopback_exceptions`."""
    environment.update(loopback_exceptions(environment))


def proxies_in(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the proxies that are set: variable as it is spelled -> host and port, without a password."""
    named = {name: value for name, value in environment.items() if name.lower() in _PROXIES}
    return {name: _place(value) for name, value in named.items() if value.strip()}


def proxy_for(url: str) -> str | None:
    """Return the proxy that a call to the URL uses, as host and port; None for a direct call."""
    parts = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if proxy is None or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return _place(proxy)


def _joined(*lists: str) -> str:
    names = [name.strip() for listed in lists for name in listed.split(",") if name.strip()]
    return ",".join(dict.fromkeys([*names, *LOOPBACK]))


def _place(url: str) -> str:
    """Return host and port of a proxy's URL, without its user and password."""
    return url.rpartition("@")[2].removeprefix("http://").removeprefix("https://").rstrip("/")
