"""Build the adapters and steps that the settings ask for."""

from trellis_assets.composition.backends import local_judge, secret
from trellis_assets.composition.maintenance import MaintenanceSteps
from trellis_assets.composition.mining import MiningSteps
from trellis_assets.composition.pipeline import Pipeline
from trellis_assets.composition.reports import ReportSteps
from trellis_assets.composition.subnet import SubnetSteps

__all__ = [
    "MaintenanceSteps",
    "MiningSteps",
    "Pipeline",
    "ReportSteps",
    "SubnetSteps",
    "local_judge",
    "secret",
]
