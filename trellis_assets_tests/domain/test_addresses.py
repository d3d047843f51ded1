"""Addresses of the chain: what a staked neuron must not make a miner call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis_assets.domain.addresses import address_fault, host_and_port

NEVER_PUBLIC = [
    "127.0.0.1", "127.255.0.1", "::1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1",
    "100.100.100.200", "169.254.169.254", "fe80::1", "fd00:ec2::254", "fec0::1", "224.0.0.1", "ff02::1",
    "240.0.0.1", "255.255.255.255", "0.0.0.0", "0.1.2.3", "::", "::ffff:8.8.8.8", "::ffff:127.0.0.1",
    "::127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::a00:1", "2002:7f00:1::", "2001:0:1::1", "2001:db8::1",
    "192.0.0.192", "198.18.0.1", "168.63.129.16",
]  # fmt: skip


@pytest.mark.parametrize("ip", NEVER_PUBLIC)
def test_an_address_inside_our_network_or_cloud_is_refused_on_a_public_chain(ip: str) -> None:
    assert address_fault(ip, 8091, is_public=True) is not None


@pytest.mark.parametrize("ip", ["8.8.8.8", "203.0.114.7", "2001:4860:4860::8888", "2a01:4f8::1"])
def test_a_public_address_may_be_called(ip: str) -> None:
    assert address_fault(ip, 8091, is_public=True) is None


@pytest.mark.parametrize("ip", ["127.0.0.1", "10.0.0.1", "192.168.1.1", "::1", "fd00::1"])
def test_a_chain_of_ones_own_may_list_neighbours(ip: str) -> None:
    assert address_fault(ip, 8091, is_public=False) is None


@pytest.mark.parametrize("ip", ["0.0.0.0", "::", "224.0.0.1", "::ffff:127.0.0.1", "example.org", ""])
def test_what_no_server_can_have_is_refused_everywhere(ip: str) -> None:
    assert address_fault(ip, 8091, is_public=False) is not None


def test_port_zero_is_refused_everywhere() -> None:
    assert address_fault("8.8.8.8", 0, is_public=True) == "no port"
    assert address_fault("127.0.0.1", 0, is_public=False) == "no port"


def test_ipv6_stands_in_brackets_in_a_url() -> None:
    assert host_and_port("2001:db8::1", 8091) == "[2001:db8::1]:8091"
    assert host_and_port("192.0.2.1", 8091) == "192.0.2.1:8091"


@given(st.ip_addresses(v=4).filter(lambda ip: ip.is_private or ip.is_link_local or ip.is_loopback))
def test_no_private_address_passes(ip: object) -> None:
    assert address_fault(str(ip), 8091, is_public=True) is not None
