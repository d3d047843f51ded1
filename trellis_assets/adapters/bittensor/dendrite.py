"""A Dendrite that asks nobody but the validator."""

import uuid
from typing import Any

import aiohttp

from trellis_assets.adapters.bittensor.library import bt

# A pull with an image prompt is a few MB of base64; nothing the protocol sends is larger.
MAX_ANSWER_BYTES = 64 * 1024 * 1024


class AnswerTooLargeError(aiohttp.ClientPayloadError):
    """A validator's answer is larger than any the protocol has."""


class _BoundedResponse(aiohttp.ClientResponse):
    """Reads at most `MAX_ANSWER_BYTES`: the validator is a stranger."""

    async def read(self) -> bytes:
        if self._body is None:
            chunks, size = [], 0
            async for chunk in self.content.iter_any():
                size += len(chunk)
                if size > MAX_ANSWER_BYTES:
                    self.close()
                    raise AnswerTooLargeError(f"answer is larger than {MAX_ANSWER_BYTES} bytes")
                chunks.append(chunk)
            self._body = b"".join(chunks)
            self.release()
        return self._body


class MinerDendrite(bt.Dendrite):  # type: ignore[misc]
    """bittensor's Dendrite without the look-up of this machine's public address.

    bittensor 10.5 asks up to six internet services for it at construction, and fails where there
    is none. The address only fills an informative header: the validator signs and checks the
    hotkey, not the address.
    """

    def __init__(self, keypair: Any) -> None:
        self.uuid = str(uuid.uuid1())
        self.external_ip = "0.0.0.0"  # noqa: S104 - a header that says "not known", no binding
        self.keypair = keypair
        self.synapse_history: list[Any] = []
        self._session: aiohttp.ClientSession | None = None
        self.http_status: int | None = None
        self.error: Exception | None = None

    @property
    async def session(self) -> aiohttp.ClientSession:
        """The HTTP session, made at the first call."""
        if self._session is None:
            self._session = aiohttp.ClientSession(response_class=_BoundedResponse)
        return self._session

    def process_server_response(
        self, server_response: aiohttp.ClientResponse, json_response: Any, local_synapse: Any
    ) -> None:
        """The answer is on the synapse, and its real HTTP status in `http_status`.

        The synapse's own status fields are overwritten by what the validator writes into the body.
        """
        self.http_status = server_response.status
        super().process_server_response(server_response, json_response, local_synapse)

    def log_exception(self, exception: Exception) -> None:
        """Nothing: bittensor would print strangers' text with its newlines."""

    def process_error_message(self, synapse: Any, request_name: str, exception: Exception) -> Any:
        """What went wrong is in `error`, as raised."""
        self.error = exception
        if self.http_status is None and isinstance(exception, aiohttp.ClientResponseError):
            self.http_status = exception.status
        return super().process_error_message(synapse, request_name, exception)
