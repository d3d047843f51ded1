"""Backends that a process of its own may serve."""

from typing import TYPE_CHECKING

from pydantic import SecretStr

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
    from trellis_assets.adapters.validation.judge import SplatJudge


def secret(value: SecretStr | None) -> str | None:
    """What is in it."""
    return value.get_secret_value() if value is not None else None


def server_backend(settings: Settings) -> ServerBackend:
    """What our own generation server makes models with.

    Raises:
        SettingsError: TRELLIS without any weights.
    """
    if settings.server_backend is ServerBackendName.EMBEDDED:
        from trellis_assets.adapters.generation.embedded_backend import EmbeddedBackend

        return EmbeddedBackend()
    from trellis_assets.adapters.generation.trellis.backend import TrellisBackend

    named = {TaskKind.TEXT: settings.text_model, TaskKind.IMAGE: settings.image_model}
    models = {kind: model for kind, model in named.items() if model not in {"", "-"}}
    if not models:
        raise SettingsError("TRELLIS_TEXT_MODEL and TRELLIS_IMAGE_MODEL: name one at least")
    return TrellisBackend(models=models, device=settings.server_device)


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
