"""Addresses on the chain that a miner may call: a staked neuron can publish any address."""

import ipaddress
from collections.abc import Callable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Public by their numbers, answered by the host of every machine there: Azure's platform service, and the
# block of protocol assignments, in which Oracle has its metadata service.
_HOST_SERVICES = (ipaddress.ip_network("168.63.129.16/32"), ipaddress.ip_network("192.0.0.0/24"))


def address_fault(ip: str, port: int, *, is_public: bool) -> str | None:
    """Return why the address must not be called, or None if it may be.

    On a public chain only globally routable addresses may be called: anything else would make the miner
    send requests into its own network, or to the metadata service of its cloud. A development chain on
    the user's own machine lists neighbours, whose addresses are loopback or private.

    Args:
        ip: IPv4 or IPv6, without brackets.
        port: of the axon.
        is_public: whether anyone can register on the chain.

    Example:
        ("10.0.0.7", 8091) is "private" on a public chain and None on one's own;
        ("203.0.113.9", 0) is "no port" on both.
    """
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return "not an IP address"
    if port == 0:
        return "no port"
    faults = _FAULTS + (_FAULTS_ON_A_PUBLIC_CHAIN if is_public else ())
    return next((fault for fault, holds in faults if holds(address)), None)


def host_and_port(ip: str, port: int) -> str:
    """Return the address as it stands in a URL: IPv6 in brackets.

    Example:
        ("2001:db8::1", 8091) is "[2001:db8::1]:8091".
    """
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def _embeds_ipv4(address: Address) -> bool:
    """Return whether a network may route the packet to an IPv4 address that is embedded in this one."""
    if isinstance(address, ipaddress.IPv4Address):
        return False
    known = (address.ipv4_mapped, address.sixtofour, address.teredo)
    return any(known) or any(address in network for network in _TRANSLATED)


def _is_private(address: Address) -> bool:
    is_site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    return not address.is_global or address.is_reserved or is_site_local


_TRANSLATED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
_Faults = tuple[tuple[str, Callable[[Address], bool]], ...]
# The first that holds names the address.
_FAULTS: _Faults = (
    ("unspecified", lambda address: address.is_unspecified),
    ("multicast", lambda address: address.is_multicast),
    ("an IPv4 address inside an IPv6 address", _embeds_ipv4),
)
_FAULTS_ON_A_PUBLIC_CHAIN: _Faults = (
    ("loopback", lambda address: address.is_loopback),
    ("link-local", lambda address: address.is_link_local),
    ("a service of the cloud's host", lambda address: any(address in n for n in _HOST_SERVICES)),
    ("private", _is_private),
)
