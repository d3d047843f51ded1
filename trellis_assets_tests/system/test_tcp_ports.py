"""Ports for servers that restart."""

import socket
from pathlib import Path

import pytest

from trellis_assets.system.tcp_ports import free_port, is_listening

EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


@pytest.mark.skipif(not EPHEMERAL.exists(), reason="Linux tells the range in a file")
def test_free_port_is_outside_the_range_of_outgoing_connections() -> None:
    lowest = int(EPHEMERAL.read_text().split()[0])
    assert all(1024 < free_port() < lowest for _ in range(50))


def test_listening_server_is_told_from_a_free_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert is_listening(server.getsockname()[1])
    assert not is_listening(free_port())
