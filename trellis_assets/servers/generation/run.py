"""Starting the generation server."""

from trellis_assets.domain.generation_requests import MAX_IMAGE_CHARACTERS
from trellis_assets.ports import ServerBackend, SplatCodec
from trellis_assets.servers.generation.app import generation_app
from trellis_assets.servers.generation.limits import ServerLimits
from trellis_assets.servers.middleware import check_exposure, guarded
from trellis_assets.servers.serving import limited_server

# A form with the largest picture, percent-encoded at worst.
MAX_BODY_BYTES = MAX_IMAGE_CHARACTERS + 1024 * 1024
# Requests whose bodies are still arriving, or that are told that the queue is full.
_BESIDE_THE_QUEUE = 32

# Exit codes. Any but 0 has the service started again: by systemd, by Docker, and by `mine`.
BROKEN, NOT_STARTED = 1, 3


def run_generation_server(
    backend: ServerBackend,
    codec: SplatCodec,
    limits: ServerLimits,
    *,
    host: str,
    port: int,
    token: str | None,
    instance: str | None = None,
    is_lazy: bool = False,
) -> None:
    """Serve until stopped.

    Raises:
        ExposureError: other machines could reach it and there is no token.
        SystemExit: the GPU's context is broken: its supervisor must start another process.
    """
    check_exposure(host, token, "TRELLIS_SERVER_TOKEN")
    is_broken = False

    def give_up() -> None:
        nonlocal is_broken
        is_broken = server.should_exit = True

    app = guarded(
        generation_app(backend, codec, limits, instance=instance, is_lazy=is_lazy, give_up=give_up),
        max_body=MAX_BODY_BYTES,
        max_requests=limits.queue + _BESIDE_THE_QUEUE,
        host=host,
        token=token,
    )
    server = limited_server(app, host=host, port=port, log_level="info")
    server.run()
    if is_broken or not server.started:
        raise SystemExit(BROKEN if is_broken else NOT_STARTED)
