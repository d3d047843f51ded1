"""Our own servers: the generation server, and the pages for people."""

import socket
from typing import ClassVar

from pydantic import Field

from trellis_assets.domain.server_backends import DEFAULT_BACKEND
from trellis_assets.settings.field_types import (
    OptionalSecret,
    OptionalText,
    Port,
    Seconds,
    ServerBackendName,
    Url,
)
from trellis_assets.settings.picture_route import PictureRouteSettings


class ServersSettings(PictureRouteSettings):
    """Our own servers: the generation server with its routes, the Dagster UI and the gallery."""

    title: ClassVar[str] = "Servers"

    webserver: bool = Field(False, description="Start the Dagster UI and the gallery with `mine`.")
    webserver_port: Port = Field(3000, description="Port of the Dagster UI.")
    webserver_host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="Address of the Dagster UI; any other address needs TRELLIS_WEBSERVER_TOKEN.",
    )
    webserver_token: OptionalSecret = Field(
        None, description="The Dagster UI asks people for it; needed to bind to other than 127.0.0.1."
    )
    gallery_port: Port = Field(3001, description="Port of the gallery.")
    gallery_host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="Address of the gallery; any other address needs TRELLIS_SERVER_TOKEN.",
    )
    gallery_url: Url | None = Field(
        None,
        description="Where links in the Dagster UI lead, if browsers reach the gallery by another name than "
        "that of its address or of this machine.",
    )
    start_server: bool = Field(False, description="Start a generation server with `mine`.")
    server_instance: str | None = Field(
        None, max_length=64, description="Name on our server's health page (set by `mine`)."
    )
    server_token: OptionalSecret = Field(
        None, description="Our servers ask callers for it; needed to bind to other than 127.0.0.1."
    )
    server_backend: ServerBackendName = Field(
        DEFAULT_BACKEND, description="What our own generation server makes models with."
    )
    server_queue: int = Field(8, ge=0, le=1000, description="Requests that may wait in our server.")
    server_deadline_s: Seconds = Field(
        300, description="Longest time our server gives a request, in seconds."
    )
    server_idle_unload_s: Seconds = Field(
        900, description="Our server unloads models that were idle for so many seconds."
    )
    server_lazy: bool = Field(
        False, description="Our server loads models at the first request, not at its start."
    )
    server_device: str = Field("cuda:0", description="GPU of our server, as torch names it.")
    text_model: str = Field(
        "microsoft/TRELLIS-text-xlarge",
        description="TRELLIS weights for text: folder or hub name; - for none.",
    )
    text_model_revision: OptionalText = Field(
        None, description="Commit of their repository; default: recorded at the first download."
    )
    image_model: str = Field(
        "microsoft/TRELLIS-image-large",
        description="TRELLIS weights for pictures: folder or hub name; - for none.",
    )
    image_model_revision: OptionalText = Field(
        None, description="Commit of their repository; default: the pinned one, or as for text."
    )

    @property
    def webserver_address(self) -> str:
        """Return the URL of the Dagster UI for links, without a slash at its end."""
        return f"http://{_linked_host(self.webserver_host)}:{self.webserver_port}"

    @property
    def gallery_address(self) -> str:
        """Return the URL of the gallery for links, without a slash at its end."""
        bound = f"http://{_linked_host(self.gallery_host)}:{self.gallery_port}"
        return (self.gallery_url or bound).rstrip("/")


def _linked_host(host: str) -> str:
    """Return the host of a link to a server that is bound to an address.

    A server on all addresses is linked by this machine's name, an IPv6 address in brackets.
    """
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
