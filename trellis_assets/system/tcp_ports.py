"""TCP ports of this machine: find a free one, and tell whether a server listens."""

import random
import socket

# Below the range from which Linux, macOS and Windows take the ports of outgoing connections.
_RANGE = range(18_000, 30_000)
_CONNECT_TIMEOUT_S = 0.5


def free_port(address: str = "127.0.0.1") -> int:
    """Return a TCP port of one of this machine's addresses on which nothing listens.

    It stays free while its server restarts: a port that the system chooses (port 0) may be given to any
    outgoing connection meanwhile.

    Raises:
        OSError: 100 ports of the range were tried and all are in use.
    """
    for port in random.sample(_RANGE, k=100):
        with socket.socket() as probe:
            try:
                probe.bind((address, port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port on {address} from {_RANGE.start} to {_RANGE.stop}")


def is_listening(port: int, address: str = "127.0.0.1") -> bool:
    """Return whether something accepts connections at the address and port."""
    try:
        with socket.create_connection((address, port), timeout=_CONNECT_TIMEOUT_S):
            return True
    except OSError:
        return False
