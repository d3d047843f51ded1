"""Messages to a chat's webhook: Slack, Discord, Mattermost and whatever takes JSON with a text."""

import logging

import httpx

from trellis_assets.adapters.bounded_http import BoundedClient, NoAnswerError
from trellis_assets.audit import audit

_TIMEOUT_S = 10.0
_MAX_ANSWER = 10_000
# Discord's bound; others allow more.
_LONGEST = 1_900


class WebhookNotifier:
    """`Notifier` over one URL, which is a secret: it never shows in logs."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = BoundedClient(timeout_s=_TIMEOUT_S, max_bytes=_MAX_ANSWER)

    def notify(self, text: str) -> bool:
        """Whether the message was taken. A webhook that is away stops nothing."""
        text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
        try:
            answer = self._client.post_json(self._url, {"text": text, "content": text})
        except NoAnswerError:
            audit("webhook not reached", level=logging.WARNING)
            return False
        if httpx.codes.is_success(answer.status):
            return True
        audit("webhook refused the message", level=logging.WARNING, status=answer.status)
        return False
