"""Names of generation endpoints in the store, which several machines may share."""

from ipaddress import ip_address

import httpx

from trellis_assets.adapters.generation.this_machine import on_this_machine
from trellis_assets.adapters.http_client import shown_url


def endpoint_name(url: str) -> str:
    """Return the URL without its password; a loopback URL has the machine's name before it.

    Raises:
        ValueError: not an http(s) URL with a host.
    """
    shown = shown_url(url)
    return on_this_machine(shown) if _is_here(httpx.URL(url).host) else shown


def _is_here(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
