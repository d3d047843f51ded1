"""Backends that a process of its own may serve."""

from typing import TYPE_CHECKING

from pydantic import SecretStr

from trellis_assets.domain.orders import Route
from trellis_assets.domain.picture_route import Background, CutSettings, PictureSettings
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import (
    Clock,
    ServerBackend,
)
from trellis_assets.settings import (
    ServerBackendName,
    Settings,
    SettingsError,
    ValidatorBackend,
)

if TYPE_CHECKING:
    from trellis_assets.adapters.generation.trellis.backend import TrellisBackend
    from trellis_assets.adapters.validation.judge import SplatJudge


def secret(value: SecretStr | None) -> str | None:
    """What is in it."""
    return value.get_secret_value() if value is not None else None


def server_backend(settings: Settings) -> ServerBackend:
    """What our own generation server makes models with.

    Raises:
        SettingsError: TRELLIS without any weights, or a picture route without all of its models.
    """
    if settings.server_backend is ServerBackendName.EMBEDDED:
        from trellis_assets.adapters.generation.embedded_backend import EmbeddedBackend

        return EmbeddedBackend()
    from trellis_assets.adapters.generation.trellis.backend import TrellisBackend

    named = {TaskKind.TEXT: settings.text_model, TaskKind.IMAGE: settings.image_model}
    models = {kind: model for kind, model in named.items() if model not in {"", "-"}}
    if not models:
        raise SettingsError("TRELLIS_TEXT_MODEL and TRELLIS_IMAGE_MODEL: name one at least")
    trellis = TrellisBackend(models=models, device=settings.server_device)
    if settings.server_picture_model:
        return _with_picture_route(settings, trellis)
    if settings.server_route is Route.PICTURE:
        raise SettingsError("TRELLIS_SERVER_ROUTE=picture: name a pipeline with TRELLIS_SERVER_PICTURE_MODEL")
    return trellis


def _with_picture_route(settings: Settings, trellis: "TrellisBackend") -> ServerBackend:
    if TaskKind.IMAGE not in trellis.kinds:
        raise SettingsError("TRELLIS_SERVER_PICTURE_MODEL: wants TRELLIS_IMAGE_MODEL too")
    if settings.server_background is Background.SEGMENTATION and not settings.server_background_model:
        raise SettingsError("TRELLIS_SERVER_BACKGROUND=segmentation: name TRELLIS_SERVER_BACKGROUND_MODEL")
    from trellis_assets.adapters.generation.picture.backend import PictureBackend
    from trellis_assets.adapters.generation.picture.stages import PictureStages

    picture = PictureSettings(
        model=settings.server_picture_model,
        revision=settings.server_picture_revision,
        dtype=settings.server_picture_dtype,
        steps=settings.server_picture_steps,
        guidance=settings.server_picture_guidance,
        width=settings.server_picture_width,
        height=settings.server_picture_height,
        template=settings.server_picture_prompt,
        negative=settings.server_picture_negative,
    )
    cut = CutSettings(
        method=settings.server_background,
        model=settings.server_background_model,
        revision=settings.server_background_revision,
        code_revision=settings.server_background_code,
    )
    return PictureBackend(
        trellis,
        PictureStages(picture, cut, settings.server_device),
        profile=settings.server_memory,
        device=settings.server_device,
        default_route=settings.server_route,
    )


def local_judge(settings: Settings, clock: Clock) -> "SplatJudge":
    """Who judges models in this process.

    Raises:
        SettingsError: the neural validator lacks packages or weights, or the setting names a server.
        CalibrationError: the calibration file cannot be used.
    """
    if settings.validator is ValidatorBackend.NEURAL:
        from trellis_assets.adapters.validation.neural.validator import NeuralValidator

        return NeuralValidator(clock, weights_dir=settings.weights_dir)
    if settings.validator is ValidatorBackend.HTTP:
        raise SettingsError("TRELLIS_VALIDATOR: a validation server judges by itself: embedded or neural")
    from trellis_assets.adapters.validation import calibration
    from trellis_assets.adapters.validation.embedded import EmbeddedValidator

    return EmbeddedValidator(clock, calibration.load(settings.calibration_file))
