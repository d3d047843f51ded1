"""One message to one service in a process of its own: `python -m …notifications.apprise_child`.

The plugins of Apprise wait for a peer as long as it sends something, and read whatever it sends. In a child
both end with the process: its parent kills it at the deadline, and its memory is bounded.

It reads one line of JSON from its input, writes nothing, and tells how it went by its exit code.
"""

import json
import os
import resource
import signal
import socket
import sys
from typing import Any

MEMORY_BYTES = 512 * 1024**2
# What a child exits with; anything else means that it died.
SENT, NOT_SENT, INVALID_URL, NOT_INSTALLED = 0, 10, 11, 12


def send(request: dict[str, Any]) -> int:
    """Send the message, or only read the URL where there is none; return the exit code."""
    try:
        import apprise
    except ImportError:
        return NOT_INSTALLED
    # Nothing is kept on the disk, and no service sends us elsewhere.
    asset = apprise.AppriseAsset(
        app_id="trellis_assets", http_redirects=False, storage_mode=apprise.PersistentStoreMode.MEMORY
    )
    service = apprise.Apprise.instantiate(request["url"], asset=asset)
    if service is None:
        return INVALID_URL
    service.redirects = False
    if request["text"] is None:
        return SENT
    services = apprise.Apprise(asset=asset)
    services.add(service)
    # As plain text: services that render HTML or Markdown get it escaped.
    is_sent = services.notify(
        request["text"], title=request["title"], body_format=apprise.NotifyFormat.TEXT, attach=None
    )
    return SENT if is_sent else NOT_SENT


def main() -> None:
    """Answer one request on the standard input."""
    request = json.loads(sys.stdin.readline())
    deadline_s = float(request["deadline_s"])
    # Should the parent be stopped rather than dead, the kernel ends us, whatever we wait in.
    signal.setitimer(signal.ITIMER_REAL, deadline_s + 5)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    socket.setdefaulttimeout(deadline_s)
    try:
        code = send(request)
    except Exception:  # noqa: BLE001 - a plugin's error may quote the URL, which is a secret
        code = NOT_SENT
    os._exit(code)  # a plugin's threads could wait for a silent peer


if __name__ == "__main__":
    main()
