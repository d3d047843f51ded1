"""Starting the generation server."""

import uvicorn

from trellis_assets.ports import ServerBackend, SplatCodec
from trellis_assets.servers.generation.app import ServerLimits, generation_app
from trellis_assets.servers.generation.forms import MAX_IMAGE_CHARACTERS
from trellis_assets.servers.guards import check_exposure, guarded

# A form with the largest picture, percent-encoded at worst.
MAX_BODY_BYTES = MAX_IMAGE_CHARACTERS + 1024 * 1024


def run_generation_server(
    backend: ServerBackend,
    codec: SplatCodec,
    limits: ServerLimits,
    *,
    host: str,
    port: int,
    token: str | None,
    instance: str | None = None,
) -> None:
    """Serve until stopped.

    Raises:
        ExposureError: other machines could reach it and there is no token.
    """
    check_exposure(host, token, "TRELLIS_SERVER_TOKEN")
    app = guarded(
        generation_app(backend, codec, limits, instance=instance),
        max_body=MAX_BODY_BYTES,
        host=host,
        token=token,
    )
    uvicorn.run(app, host=host, port=port, log_level="info")
