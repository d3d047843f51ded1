"""Health check of our own neuron: is its deregistration near?"""

from trellis_assets.diagnostics.machine_checks import CheckContext
from trellis_assets.domain.diagnostics import CheckResult, Health
from trellis_assets.domain.earnings.deregistration import deregistration_risk
from trellis_assets.domain.earnings.describe import describe_neuron

ADVICE = (
    "raise what the neuron is paid (`trellis-assets earnings` says which validator pays), and keep the cost "
    "of a registration ready: a deregistered hotkey mines nothing (docs/earnings.md)"
)


def check_earnings(context: CheckContext) -> list[CheckResult]:
    """Return what the chain says of our neuron; nothing before it was read."""
    settings, pipeline = context.settings, context.pipeline
    if not settings.mining.harvest or not (context.reads_key or settings.network.miner_hotkey):
        return []
    neuron = pipeline.store.earnings.latest(settings.network.metagraph_source, pipeline.miner_hotkey)
    if neuron is None:
        return []
    risk = deregistration_risk(neuron)
    if risk is not None:
        return [CheckResult("neuron", Health.WARNING, risk, ADVICE)]
    return [CheckResult("neuron", Health.OK, describe_neuron(neuron))]
