"""Asset checks of the task table and the statistics; a failed check names the rows."""

from datetime import timedelta

import dagster as dg

from trellis_assets.defs.assets.statistics import mining_statistics
from trellis_assets.defs.assets.tasks import task_table
from trellis_assets.defs.resources import MinerResource, StoreResource
from trellis_assets.domain.consistency import CheckOutcome, none_of

_RECENT = timedelta(hours=1)


def _result(finding: CheckOutcome, severity: dg.AssetCheckSeverity) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=finding.passed,
        severity=severity,
        description=finding.text,
        metadata={
            "looked_at": finding.looked_at,
            "tasks": dg.MetadataValue.json(list(finding.rows)),
            **{name: round(value, 4) for name, value in finding.figures.items()},
        },
    )


@dg.asset_check(asset=task_table, description="Every task reaches a final state, or a run works on it.")
def no_task_is_stuck(store: StoreResource) -> dg.AssetCheckResult:
    """Check that every pulled task ends, or that a live run holds it."""
    return _result(store.get().check_consistency_step().no_task_is_stuck(), dg.AssetCheckSeverity.ERROR)


@dg.asset_check(asset=task_table, description="The newest 200 model files are there, with their checksums.")
def model_files_match(store: StoreResource) -> dg.AssetCheckResult:
    """Check that stored model files are neither missing nor changed."""
    return _result(store.get().check_consistency_step().files_match(), dg.AssetCheckSeverity.ERROR)


@dg.asset_check(asset=task_table, description="No validator's prompt was generated twice within the window.")
def no_duplicate_was_generated(store: StoreResource) -> dg.AssetCheckResult:
    """Check that no GPU time was spent on duplicates."""
    finding = store.get().check_consistency_step().no_duplicate_was_generated()
    return _result(finding, dg.AssetCheckSeverity.WARN)


@dg.asset_check(asset=task_table, description="Every submission that was accepted has its feedback.")
def submissions_have_feedback(store: StoreResource) -> dg.AssetCheckResult:
    """Check that the feedback of accepted submissions is kept."""
    finding = store.get().check_consistency_step().submissions_have_feedback()
    return _result(finding, dg.AssetCheckSeverity.ERROR)


@dg.asset_check(asset=task_table, description="Local scores and validators' scores lie near each other.")
def scores_do_not_drift(store: StoreResource) -> dg.AssetCheckResult:
    """Check that local scores still predict validators' scores; else run `trellis-assets calibrate`."""
    return _result(store.get().check_consistency_step().scores_do_not_drift(), dg.AssetCheckSeverity.WARN)


@dg.asset_check(asset=task_table, description="Every model of the last hour has a local score.")
def models_have_verdicts(miner: MinerResource) -> dg.AssetCheckResult:
    """Warn where the local validator cannot judge: models are submitted without a score meanwhile."""
    parts = miner.get()
    if not parts.settings.validation.validate_models:
        off = CheckOutcome(
            True, 0, "models are not validated before they are submitted (TRELLIS_VALIDATE_MODELS)"
        )
        return _result(off, dg.AssetCheckSeverity.WARN)
    step, now = parts.validate_idle_step(), parts.clock.now()
    rows = tuple(step.candidates(now - _RECENT, now))
    finding = none_of(rows, step.counts(now - _RECENT, now).models, "of the last hour have no local score")
    return _result(finding, dg.AssetCheckSeverity.WARN)


@dg.asset_check(asset=mining_statistics, description="The statistics count what the task table holds.")
def statistics_agree(store: StoreResource) -> dg.AssetCheckResult:
    """Check that counters and exports agree with the rows of the task table."""
    return _result(store.get().check_consistency_step().statistics_agree(), dg.AssetCheckSeverity.ERROR)
