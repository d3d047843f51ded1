"""The machine's name, before names of endpoints that mean this machine only."""

import socket


def on_this_machine(name: str) -> str:
    """The name with the machine's before it: another machine has another endpoint of that name."""
    return f"{socket.gethostname()}/{name}"
