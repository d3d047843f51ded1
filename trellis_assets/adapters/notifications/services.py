"""Messages to what Apprise knows: mail, Telegram, ntfy, Matrix and a hundred more, by its URLs."""

import json
import logging
import subprocess
import sys
from typing import Any

from trellis_assets.adapters.notifications import apprise_child
from trellis_assets.adapters.notifications.texts import plain
from trellis_assets.observability.audit_log import audit
from trellis_assets.system.bare_environment import bare_environment

# For everything: starting the child, name look-up, TLS and the whole exchange. Mail servers take their time.
DEADLINE_S = 30.0
_TITLE = "trellis_assets"


class ServiceNotifier:
    """`Notifier` over one URL of Apprise, which is a secret: it never shows in logs or command lines."""

    def __init__(self, url: str, *, deadline_s: float = DEADLINE_S) -> None:
        """Keep the URL; nothing is called yet."""
        self._url, self._deadline_s = url, deadline_s

    def check(self) -> None:
        """Check that Apprise can read the URL; nothing is sent.

        Raises:
            ValueError: it cannot, or it is not installed; the text does not hold the URL.
        """
        code = self._ask(None)
        if code == apprise_child.NOT_INSTALLED:
            raise ValueError("names a service that needs Apprise: pip install apprise")
        if code != apprise_child.SENT:
            raise ValueError("wants http(s)://host/… of a webhook, or a service's URL as Apprise writes it")

    def notify(self, text: str, link: str) -> bool:
        """Return whether the service took the message. A service that is away stops nothing."""
        code = self._ask(f"{plain(text)}\n{link}")
        if code == apprise_child.SENT:
            return True
        reason = "no answer in time" if code is None else "not taken"
        audit("message not sent", level=logging.WARNING, service=self._scheme, reason=reason)
        return False

    @property
    def _scheme(self) -> str:
        """Return the part of the URL that is no secret."""
        return self._url.partition("://")[0]

    def _ask(self, text: str | None) -> int | None:
        """Return the child's exit code; None where it had to be killed."""
        request: dict[str, Any] = {"url": self._url, "text": text, "title": _TITLE}
        try:
            child = subprocess.run(  # noqa: S603 - our own module; the URL goes by its input
                [sys.executable, "-m", apprise_child.__name__],
                input=json.dumps(request | {"deadline_s": self._deadline_s}).encode(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=bare_environment(),
                timeout=self._deadline_s,
                check=False,
                # A Ctrl-C at the terminal goes to us, and the message still gets out.
                start_new_session=True,
            )
        except (subprocess.TimeoutExpired, OSError):
            return None
        return child.returncode
