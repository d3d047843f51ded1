"""The notifiers of a setting: one URL, or several."""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from trellis_assets.adapters.notifications.services import ServiceNotifier
from trellis_assets.adapters.notifications.webhook import WebhookNotifier
from trellis_assets.ports import Notifier

MOST = 8
# Before the next URL; a comma within one is part of it.
_BETWEEN = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://.")


class Notifiers:
    """`Notifier` over several, at the same time."""

    def __init__(self, notifiers: Sequence[Notifier]) -> None:
        self._notifiers = notifiers

    def notify(self, text: str, link: str) -> bool:
        """Return whether one of them took the message: its owner knows then."""
        with ThreadPoolExecutor(len(self._notifiers)) as pool:
            return any(list(pool.map(lambda notifier: notifier.notify(text, link), self._notifiers)))


def open_notifier(urls: str) -> Notifier:
    """Return what sends messages to the URLs, which are separated by commas or spaces. Nothing is called yet.

    An http(s) URL is a chat's webhook, which our own client calls; other URLs are Apprise's.

    Raises:
        ValueError: a URL is invalid; the text does not hold it.
    """
    listed = _BETWEEN.split(urls.strip())
    if len(listed) > MOST:
        raise ValueError(f"has more than {MOST} URLs")
    notifiers = [_notifier(url.strip(" ,")) for url in listed]
    return notifiers[0] if len(notifiers) == 1 else Notifiers(notifiers)


def _notifier(url: str) -> Notifier:
    scheme = url.partition("://")[0].lower()
    if scheme in {"http", "https"} or not _SCHEME.match(url):
        return WebhookNotifier(url)
    service = ServiceNotifier(url)
    service.check()
    return service
