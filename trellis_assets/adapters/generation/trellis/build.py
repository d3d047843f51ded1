"""Build the TRELLIS backend from settings."""

from trellis_assets.adapters.generation.picture.backend import PictureBackend
from trellis_assets.adapters.generation.picture.stages import PictureStages
from trellis_assets.adapters.generation.trellis.backend import TrellisBackend
from trellis_assets.adapters.weights.revisions import Revisions
from trellis_assets.domain.generation_requests import Route
from trellis_assets.domain.picture_route import Background, CutSettings, PictureSettings
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import ServerBackend
from trellis_assets.settings import SettingsError
from trellis_assets.settings.servers import ServersSettings


def build(servers: ServersSettings, revisions: Revisions) -> ServerBackend:
    """Return TRELLIS, with the picture route before it where a picture model is named.

    Args:
        servers: the settings.
        revisions: says which commit each repository of weights is loaded at.

    Raises:
        SettingsError: no weights are named, or a picture route lacks one of its models.
    """
    named = {TaskKind.TEXT: servers.text_model, TaskKind.IMAGE: servers.image_model}
    models = {kind: model for kind, model in named.items() if model not in {"", "-"}}
    if not models:
        raise SettingsError("TRELLIS_TEXT_MODEL and TRELLIS_IMAGE_MODEL: name one at least")
    # With a picture route, its own network cuts pictures out; a white background is not enough.
    has_cutter = bool(servers.server_picture_model) and servers.server_background is not Background.WHITE
    trellis = TrellisBackend(
        models=models,
        revisions=revisions,
        model_revisions={
            TaskKind.TEXT: servers.text_model_revision,
            TaskKind.IMAGE: servers.image_model_revision,
        },
        device=servers.server_device,
        removes_background=not has_cutter,
    )
    if servers.server_picture_model:
        return _with_picture_route(servers, trellis, revisions)
    if servers.server_route is Route.PICTURE:
        raise SettingsError("TRELLIS_SERVER_ROUTE=picture: name a pipeline with TRELLIS_SERVER_PICTURE_MODEL")
    return trellis


def _with_picture_route(
    servers: ServersSettings, trellis: TrellisBackend, revisions: Revisions
) -> ServerBackend:
    if TaskKind.IMAGE not in trellis.kinds:
        raise SettingsError("TRELLIS_SERVER_PICTURE_MODEL: wants TRELLIS_IMAGE_MODEL too")
    if servers.server_background is Background.SEGMENTATION and not servers.server_background_model:
        raise SettingsError("TRELLIS_SERVER_BACKGROUND=segmentation: name TRELLIS_SERVER_BACKGROUND_MODEL")

    picture = PictureSettings(
        model=servers.server_picture_model,
        revision=servers.server_picture_revision,
        dtype=servers.server_picture_dtype,
        steps=servers.server_picture_steps,
        guidance=servers.server_picture_guidance,
        width=servers.server_picture_width,
        height=servers.server_picture_height,
        template=servers.server_picture_prompt,
        negative=servers.server_picture_negative,
    )
    cut = CutSettings(
        method=servers.server_background,
        model=servers.server_background_model,
        revision=servers.server_background_revision,
        code_revision=servers.server_background_code,
    )
    return PictureBackend(
        trellis,
        PictureStages(picture, cut, servers.server_device, revisions),
        profile=servers.server_memory,
        device=servers.server_device,
        default_route=servers.server_route,
    )
