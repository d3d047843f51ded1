"""Parse host names of requests and settings, in one place for all our servers."""

from ipaddress import ip_address
from urllib.parse import urlsplit

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
# A shorter token can be guessed.
MIN_TOKEN_CHARACTERS = 16


class ExposureError(ValueError):
    """A server would be open to other machines."""


def check_exposure(host: str, token: str | None, variable: str) -> None:
    """Check that only this machine can reach the server, or that a token keeps others out.

    Raises:
        ExposureError: names the setting that is missing or too short.
    """
    if host in LOOPBACK:
        return
    if not token:
        raise ExposureError(f"{host} can be reached from other machines: set {variable}, or use 127.0.0.1")
    if len(token) < MIN_TOKEN_CHARACTERS:
        raise ExposureError(
            f"{variable} has fewer than {MIN_TOKEN_CHARACTERS} characters and {host} can be reached from "
            'other machines: use a random one, such as that of `python -c "import secrets; '
            'print(secrets.token_urlsafe())"`'
        )


def parse_host(text: str) -> tuple[str, int | None] | None:
    """Return the name and the port of a Host header, or None if it is not exactly `name[:port]`.

    The name is in lower case, an IPv6 address without its brackets. Formatting the parsed parts again finds
    what the parser ignored: `[::1]evil.example`, which it reads as `::1`, gives None.

    >>> parse_host("[::1]:3000")
    ('::1', 3000)
    """
    try:
        parts = urlsplit(f"//{text}")
        name, port = parts.hostname, parts.port
        if name is None or parts.netloc != text:
            return None
        if ":" in name:
            name = str(ip_address(name))
    except ValueError:
        return None
    written = shown_host(name) if port is None else f"{shown_host(name)}:{port}"
    return (name, port) if written == text.lower() else None


def origin_host(origin: str) -> str | None:
    """Return `name[:port]` of an Origin header, or None where it is not that of an http(s) page."""
    scheme, separator, host = origin.partition("://")
    if not separator or scheme not in {"http", "https"} or parse_host(host) is None:
        return None
    return host.lower()


def shown_host(name: str) -> str:
    """Return a name or address as URLs have it: an IPv6 address in brackets."""
    return f"[{name}]" if ":" in name else name


def dialled_address(host: str) -> str:
    """Return what to dial on this machine to reach a server that is bound to `host`.

    >>> dialled_address("0.0.0.0"), dialled_address("10.0.0.7")
    ('127.0.0.1', '10.0.0.7')
    """
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
