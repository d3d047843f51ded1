"""The machine's name, before names of endpoints that mean this machine only."""

import socket


def on_this_machine(name: str) -> str:
    """Return the name with the machine's before it: another machine has an endpoint of the same name."""
    return f"{socket.gethostname()}/{name}"
