"""Build the backend that the generation server makes models with."""

from importlib import import_module

from trellis_assets.adapters.weights.revisions import Revisions
from trellis_assets.domain.server_backends import SERVER_BACKENDS
from trellis_assets.ports import ServerBackend
from trellis_assets.settings.servers import ServersSettings


def server_backend(servers: ServersSettings, revisions: Revisions) -> ServerBackend:
    """Return the backend that `TRELLIS_SERVER_BACKEND` names. No models are loaded yet.

    Args:
        servers: the settings.
        revisions: says which commit each repository of weights is loaded at.

    Raises:
        SettingsError: settings of the backend do not fit together.
    """
    module, _, function = SERVER_BACKENDS[servers.server_backend].factory.partition(":")
    backend: ServerBackend = getattr(import_module(module), function)(servers, revisions)
    return backend
