"""Messages to a chat's webhook: Slack, Discord, Mattermost and whatever takes JSON with a text."""

import logging

import httpx

from trellis_assets.adapters.http_client import BoundedClient, NoAnswerError, shown_url
from trellis_assets.adapters.notifications.texts import shortened
from trellis_assets.observability.audit_log import audit

_TIMEOUT_S = 10.0
_MAX_ANSWER = 10_000


class WebhookNotifier:
    """`Notifier` over one URL, which is a secret: it never shows in logs."""

    def __init__(self, url: str, *, timeout_s: float = _TIMEOUT_S) -> None:
        """Call nothing yet.

        Raises:
            ValueError: not an http(s) URL; the text does not hold it.
        """
        try:
            shown_url(url)
        except ValueError:
            raise ValueError("wants http(s)://host/…") from None
        self._url = url
        self._client = BoundedClient(timeout_s=timeout_s, max_bytes=_MAX_ANSWER)

    def notify(self, text: str, link: str) -> bool:
        """Return whether the message was accepted; a webhook that cannot be reached raises nothing."""
        try:
            answer = self._client.post_json(self._url, _message(text, link))
        except NoAnswerError:
            audit("webhook not reached", level=logging.WARNING)
            return False
        if httpx.codes.is_success(answer.status):
            return True
        audit("webhook refused the message", level=logging.WARNING, status=answer.status)
        return False


def _message(text: str, link: str) -> dict[str, object]:
    """Return the text as a code block, in which chats ignore markup, pictures and mentions."""
    quoted = f"`{shortened(text).replace('`', chr(39))}` {link}"
    # Slack looks for <!channel> and <links> in code too.
    escaped = quoted.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return {"text": escaped, "content": quoted, "allowed_mentions": {"parse": []}}
