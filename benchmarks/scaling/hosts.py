"""Worker hosts on one machine: network namespaces at a bridge, or process groups where not allowed."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from trellis_assets.supervisor.process_tree import die_with_parent

# Two at a time get different names and networks.
BRIDGE, NETWORK = f"trellis{os.getpid()}", f"10.213.{os.getpid() % 256}"
TOOLS = ("ip", "nsenter", "unshare")


@dataclass(frozen=True, slots=True)
class Hosts:
    """Where the servers listen, and how a command runs on a host.

    Attributes:
        address: reached by every host.
        prefixes: of a command, one for each host.
        isolation: what keeps the hosts apart, in words.
    """

    address: str
    prefixes: Sequence[Sequence[str]]
    isolation: str

    def command(self, host: int, *command: str) -> list[str]:
        """Return the command as it runs on the host."""
        return [*self.prefixes[host], *command]


@contextmanager
def hosts(count: int) -> Iterator[Hosts]:
    """Yield so many hosts; they and their network are removed when the block ends."""
    if (lack := why_no_namespaces()) is not None:
        yield Hosts("127.0.0.1", [()] * count, f"hosts are process groups ({lack})")
        return
    with ExitStack() as stack:
        for left in Path("/sys/class/net").glob("trellis*"):
            if not psutil.pid_exists(int(left.name.removeprefix("trellis"))):
                _take_away(left.name)  # its benchmark was killed
        stack.callback(_take_away, BRIDGE)
        _ip("link", "add", BRIDGE, "type", "bridge")
        _ip("address", "add", f"{NETWORK}.1/24", "dev", BRIDGE)
        _ip("link", "set", BRIDGE, "up")
        pids = [stack.enter_context(_namespace(number)) for number in range(count)]
        prefixes = [("nsenter", f"--net=/proc/{pid}/ns/net", "--") for pid in pids]
        yield Hosts(f"{NETWORK}.1", prefixes, "each host in a network namespace of its own")


def why_no_namespaces() -> str | None:
    """Return what is missing; None where namespaces can be made."""
    if os.geteuid() != 0:
        return "network namespaces want root"
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        return f"network namespaces want {', '.join(missing)}"
    if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode:
        return "this machine makes no network namespaces"
    return None


@contextmanager
def _namespace(number: int) -> Iterator[int]:
    """Make a namespace with a cable to the bridge, and return the process that keeps it."""
    near, far = f"tr{os.getpid()}-{number}", "uplink"
    with subprocess.Popen(["unshare", "--net", "sleep", "infinity"], preexec_fn=die_with_parent) as namespace:  # noqa: PLW1509
        try:
            _wait_apart(namespace.pid)
            _ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", str(namespace.pid))
            _ip("link", "set", near, "master", BRIDGE, "up")
            inside = ("nsenter", f"--net=/proc/{namespace.pid}/ns/net", "--")
            _ip("address", "add", f"{NETWORK}.{number + 2}/24", "dev", far, within=inside)
            for device in (far, "lo"):
                _ip("link", "set", device, "up", within=inside)
            yield namespace.pid
        finally:
            _take_away(near)
            namespace.kill()


def _wait_apart(pid: int) -> None:
    """Wait until the process has left our namespace."""
    ours = Path("/proc/self/ns/net").readlink()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}/ns/net").readlink() == ours:
        if time.monotonic() > deadline:
            raise TimeoutError("no network namespace after 10 s")
        time.sleep(0.01)


def _take_away(device: str) -> None:
    """Remove the device, if there is one."""
    subprocess.run(["ip", "link", "delete", device], capture_output=True, check=False)


def _ip(*arguments: str, within: Sequence[str] = ()) -> None:
    subprocess.run([*within, "ip", *arguments], check=True, capture_output=True)
