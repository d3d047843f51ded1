"""Health check of the policy: which one is in force, and what the wanted one lacks."""

from trellis_assets.diagnostics.machine_checks import CheckContext
from trellis_assets.domain.diagnostics import CheckResult, Health
from trellis_assets.domain.learning.wanted_policy import PolicyName

PART = "policy"


def check_policy(context: CheckContext) -> list[CheckResult]:
    """Return which policy makes and chooses candidates; a warning where the wanted one cannot be used."""
    settings = context.settings
    wanted = settings.mining.wanted_policy()
    if wanted.name is PolicyName.SINGLE:
        return [CheckResult(PART, Health.OK, "single: one model for each task")]
    if not settings.validation.validate_models:
        text = f"single is in force: {wanted.label} needs a local validator"
        return [CheckResult(PART, Health.WARNING, text, "validate models, or set TRELLIS_POLICY=single")]
    learn = context.pipeline.mining.learn_step()
    lacks = learn.lacks() if learn is not None else ""
    # At first there are no answers to learn from: nothing is wrong with that.
    return [CheckResult(PART, Health.OK, f"{wanted.label}; {lacks}" if lacks else wanted.label)]
