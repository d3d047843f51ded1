"""Health check of this machine's clock against those of validators."""

from datetime import timedelta

from trellis_assets.diagnostics.machine_checks import CheckContext
from trellis_assets.domain.clock_offset import LEAST_VALIDATORS, our_error_s
from trellis_assets.domain.diagnostics import CheckResult, Health

# Older measurements may be of a clock that was set since.
_RECENT = timedelta(minutes=15)
_WRONG_S, _USELESS_S = 2.0, 300.0
ADVICE = "set the clock: `sudo timedatectl set-ntp true`, then check with `timedatectl`"


def check_clock(context: CheckContext) -> list[CheckResult]:
    """Return how far our clock is from that of most validators, and how to set it."""
    pipeline = context.pipeline
    if not pipeline.settings.mining.harvest or not (
        context.reads_key or pipeline.settings.network.miner_hotkey
    ):
        return []
    since = pipeline.clock.now() - _RECENT
    offsets = pipeline.store.polls.clock_offsets(pipeline.miner_hotkey, since)
    return [judge_clock(len(offsets), our_error_s(offsets))]


def judge_clock(measured: int, error_s: float | None) -> CheckResult:
    """Return the result of a clock that is `error_s` seconds behind most of the validators measured."""
    if error_s is None:
        known = f"{measured} validators were measured, {LEAST_VALIDATORS} must agree"
        return CheckResult("clock", Health.OK, f"not compared yet: {known}")
    if abs(error_s) <= _WRONG_S:
        return CheckResult("clock", Health.OK, f"right within {_WRONG_S:.0f} s, by {measured} validators")
    side = "behind" if error_s > 0 else "ahead of"
    text = f"this machine's clock is {abs(error_s):.0f} s {side} that of most of {measured} validators"
    health = Health.FAILED if abs(error_s) > _USELESS_S else Health.WARNING
    return CheckResult("clock", health, text, ADVICE)
