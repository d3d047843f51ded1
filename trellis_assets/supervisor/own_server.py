"""The generation server that `mine --start-server` starts: on a free port, and told from any other."""

import json
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
    """Where our server will be, and what its health page will call itself.

    Attributes:
        instance: drawn anew for each session and given to the server by its environment.
    """

    settings: Settings
    instance: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def port(self) -> int:
        """Of the first generation endpoint."""
        return urlsplit(self.settings.generation.generator_urls[0]).port or 80

    def problem(self) -> str | None:
        """Why it cannot be started, with what to do; None when the port is free."""
        if not is_listening(self.port):
            return None
        return (
            f"--start-server: port {self.port} is in use by another program. Set "
            f"TRELLIS_GENERATOR_URLS=http://127.0.0.1:{free_port()}, or stop that program"
        )

    def is_ready(self) -> bool:
        """Whether the server answers, and is the one that we started."""
        token = secret(self.settings.servers.server_token)
        client = BoundedClient(timeout_s=_ANSWER_S, max_bytes=_ANSWER_BYTES, token=token)
        try:
            answer = client.get(f"http://127.0.0.1:{self.port}/health/")
            told = json.loads(answer.body)
        except (NoAnswerError, ValueError):
            return False
        return isinstance(told, dict) and told.get("instance") == self.instance
