"""The generation server that `mine --start-server` starts, recognised by a name of its own."""

import secrets
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from trellis_assets.adapters.http_client import BoundedClient, NoAnswerError
from trellis_assets.composition import secret
from trellis_assets.settings import Settings
from trellis_assets.system.tcp_ports import free_port, is_listening

INSTANCE_VARIABLE = "TRELLIS_SERVER_INSTANCE"
_ANSWER_S, _ANSWER_BYTES = 2.0, 10_000


@dataclass(frozen=True, slots=True)
class OwnServer:
    """Where our server listens, and the name that its health page gives.

    Attributes:
        instance: random for each session, and passed to the server by its environment.
    """

    settings: Settings
    instance: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def port(self) -> int:
        """Return the port of the first generation endpoint."""
        return urlsplit(self.settings.generation.generator_urls[0]).port or 80

    def problem(self) -> str | None:
        """Return why it cannot be started and what to do, or None if the port is free."""
        if not is_listening(self.port):
            return None
        return (
            f"--start-server: port {self.port} is in use by another program. Set "
            f"TRELLIS_GENERATOR_URLS=http://127.0.0.1:{free_port()}, or stop that program."
        )

    def is_ready(self) -> bool:
        """Return whether the server that we started answers."""
        token = secret(self.settings.servers.server_token)
        client = BoundedClient(timeout_s=_ANSWER_S, max_bytes=_ANSWER_BYTES, token=token)
        try:
            answer = client.get(f"http://127.0.0.1:{self.port}/health/")
        except NoAnswerError:
            return False
        return (answer.json_object or {}).get("instance") == self.instance
