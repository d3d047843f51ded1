"""Build the validator that judges in this process, also for the validation server."""

from typing import TYPE_CHECKING

from pydantic import SecretStr

from trellis_assets.ports import (
    Clock,
)
from trellis_assets.settings import (
    Settings,
    SettingsError,
    ValidatorBackend,
)

if TYPE_CHECKING:
    from trellis_assets.adapters.validation.scorer import SplatJudge


def secret(value: SecretStr | None) -> str | None:
    """Return the text of a secret; None where it is not set."""
    return value.get_secret_value() if value is not None else None


def local_judge(settings: Settings, clock: Clock) -> "SplatJudge":
    """Return the validator that judges models in this process.

    Raises:
        SettingsError: the neural validator lacks packages or weights, or the setting names a server.
        CalibrationError: the calibration file cannot be used.
    """
    if settings.validation.validator is ValidatorBackend.NEURAL:
        from trellis_assets.adapters.validation.neural.validator import NeuralValidator
        from trellis_assets.adapters.weights.revisions import REVISIONS_FILE, Revisions

        return NeuralValidator(
            clock,
            weights_dir=settings.validation.weights_dir,
            revisions=Revisions(settings.storage.folder / REVISIONS_FILE),
        )
    if settings.validation.validator is ValidatorBackend.HTTP:
        raise SettingsError("TRELLIS_VALIDATOR: must be embedded or neural for a validation server")
    from trellis_assets.adapters.validation import calibration
    from trellis_assets.adapters.validation.embedded.validator import EmbeddedValidator

    return EmbeddedValidator(clock, calibration.load(settings.storage.calibration_file))
