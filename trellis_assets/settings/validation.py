"""How models are validated here before they are submitted."""

from typing import ClassVar

from pydantic import Field

from trellis_assets.domain.task_policies import ValidationPolicy
from trellis_assets.settings.base import SettingsGroup
from trellis_assets.settings.choices import ValidatorBackend
from trellis_assets.settings.field_types import OptionalSecret, Seconds, Url, UserPath


class ValidationSettings(SettingsGroup):
    """How models are validated on this side before they are submitted."""

    title: ClassVar[str] = "Validation"

    validate_models: bool = Field(True, description="Validate models before submitting them.")
    min_score: float = Field(
        0.0, ge=0, le=1, description="Least local score to submit; below it a task is handed back."
    )
    require_verdict: bool = Field(
        False, description="Pull and submit nothing while models cannot be validated here."
    )
    validator: ValidatorBackend = Field(ValidatorBackend.EMBEDDED, description="Local validation backend.")
    validator_url: Url = Field(
        "http://127.0.0.1:8094", description="404 validation server of the http backend."
    )
    validator_token: OptionalSecret = Field(
        None, description="Token sent to the validation server; default: the server token."
    )
    weights_dir: UserPath | None = Field(
        None, description="Weights of the neural validator; default: downloaded from their hubs."
    )
    validation_timeout_s: Seconds = Field(120, description="Longest wait for a validation, in seconds.")

    @property
    def uses_server(self) -> bool:
        """Return whether a validation server judges, which other miners may ask too."""
        return self.validator is ValidatorBackend.HTTP

    def policy(self) -> ValidationPolicy:
        """Return how a generated model is judged."""
        return ValidationPolicy(self.validate_models, self.min_score, self.require_verdict)
