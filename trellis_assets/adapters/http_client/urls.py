"""Where a call goes: its URL taken apart, and the proxy that it goes by."""

import base64
import ipaddress
from dataclasses import dataclass
from urllib.parse import unquote
from urllib.request import getproxies, proxy_bypass

import httpx

from trellis_assets.domain.tasks import printable

_LONGEST_SHOWN = 200
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """One address of a service.

    Attributes:
        host: a name (IDNA) or an address, IPv6 without brackets.
        authority: as in the Host header.
        path: with the query, percent-encoded.
        basic: the value of an Authorization header, if the URL holds a user name; never shown.
    """

    is_tls: bool
    host: str
    port: int
    authority: str
    path: str
    basic: str | None


def target_of(url: str) -> Target:
    """Return the parts of an http(s) URL.

    Raises:
        ValueError: not an http(s) URL with a host; says what is wanted and does not quote the URL.
    """
    parsed = _parse(url)
    basic = None
    if parsed.userinfo:
        user, _, password = parsed.userinfo.decode("ascii", "replace").partition(":")
        secret = f"{unquote(user)}:{unquote(password)}".encode()
        basic = f"Basic {base64.b64encode(secret).decode('ascii')}"
    return Target(
        is_tls=parsed.scheme == "https",
        host=parsed.raw_host.decode("ascii"),
        port=parsed.port or _PORTS[parsed.scheme],
        authority=parsed.netloc.decode("ascii"),
        path=parsed.raw_path.decode("ascii"),
        basic=basic,
    )


def proxy_for(target: Target) -> Target | None:
    """Return the proxy that the environment names for the target; never one for this machine's own addresses.

    `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` count, in either case of their letters.

    Raises:
        ValueError: the proxy is not an http:// URL.
    """
    if is_loopback(target.host):
        return None
    proxies = getproxies()
    named = proxies.get("https" if target.is_tls else "http") or proxies.get("all")
    if not named or proxy_bypass(f"{target.host}:{target.port}"):
        return None
    proxy = target_of(named if "://" in named else f"http://{named}")
    if proxy.is_tls:
        raise ValueError("only http:// proxies can be used")
    return proxy


def is_loopback(host: str) -> bool:
    """Return whether the host is this machine, by its name or address."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def shown_url(url: str) -> str:
    """Return the URL without user name and password, for messages.

    Raises:
        ValueError: not an http(s) URL with a host; says what is wanted and does not quote the URL.
    """
    return printable(str(_parse(url).copy_with(userinfo=b"")), _LONGEST_SHOWN)


def _parse(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        # The library's text quotes the part that it cannot read, which may be of a password.
        raise ValueError("not a URL; write http(s)://host:port") from None
    if parsed.scheme not in _PORTS or not parsed.host:
        raise ValueError("not the URL of a service; write http(s)://host:port")
    return parsed
