"""The generation server as a command: of the product, and of the package that ships it alone."""

import logging
import os
import sys

from trellis_assets.adapters.gpu.devices import DeviceError, give_one_gpu
from trellis_assets.adapters.splat_io.codec import BytesCodec
from trellis_assets.adapters.weights.revisions import REVISIONS_FILE, Revisions
from trellis_assets.domain.server_backends import SERVER_BACKENDS
from trellis_assets.servers.generation.backends import server_backend
from trellis_assets.servers.generation.limits import ServerLimits
from trellis_assets.servers.generation.run import run_generation_server
from trellis_assets.settings import Settings, SettingsError


def serve(*, host: str, port: int, backend: str | None, device: str | None, is_lazy: bool | None) -> None:
    """Serve until stopped; what is None is as the environment says.

    Raises:
        SettingsError, ExposureError: with what to do.
    """
    settings = Settings.load(server_backend=backend, server_device=device, server_lazy=is_lazy)
    logging.basicConfig(level=settings.orchestration.log_level, stream=sys.stderr)
    if SERVER_BACKENDS[settings.servers.server_backend].uses_gpu:
        try:
            # Before anything starts CUDA.
            shown = give_one_gpu(settings.servers.server_device, os.environ)
        except DeviceError as error:
            raise SettingsError(f"TRELLIS_SERVER_DEVICE: {error}") from None
        settings = settings.changed(server_device=shown)
    token = settings.servers.server_token
    run_generation_server(
        server_backend(settings.servers, Revisions(settings.storage.folder / REVISIONS_FILE)),
        BytesCodec(),
        ServerLimits(
            queue=settings.servers.server_queue,
            deadline_s=settings.servers.server_deadline_s,
            idle_unload_s=settings.servers.server_idle_unload_s,
        ),
        host=host,
        port=port,
        token=token.get_secret_value() if token is not None else None,
        instance=settings.servers.server_instance,
        is_lazy=settings.servers.server_lazy,
    )
