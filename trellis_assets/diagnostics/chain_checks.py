"""The chain: read it when a session starts, and check what was stored of it while the session runs."""

from collections.abc import Callable
from datetime import datetime

from trellis_assets.composition import Pipeline
from trellis_assets.diagnostics.machine_checks import CheckContext
from trellis_assets.domain.clock_skew import elapsed
from trellis_assets.domain.diagnostics import CheckResult, Health
from trellis_assets.ports import MetagraphError
from trellis_assets.steps.refresh_validators import why_unregistered

_HOUR_S, _MINUTE_S = 3600, 60


def read_validators_at_start(pipeline: Pipeline, say: Callable[[str], None]) -> None:
    """Read the list of validators, once for all processes of the session, and say what is wrong with it.

    Where it cannot be read, mining goes on with the stored list of the same network.

    Raises:
        MetagraphError: it cannot be read and none is stored.
    """
    settings, store = pipeline.settings, pipeline.store
    if not settings.mining.harvest or settings.network.is_local:
        return
    try:
        pipeline.subnet.refresh_validators_step().run()
    except MetagraphError as error:
        listed, saved_at = store.validators.listed()
        if (
            not store.validators.metagraph_read(settings.network.metagraph_source).is_current
            or not listed
            or saved_at is None
        ):
            raise
        age = age_in_words(saved_at, pipeline.clock.now())
        say(f"{error}")
        say(f"mining goes on with the stored list of {len(listed)} neurons, which is {age} old")
    if (problem := _why_unregistered(pipeline, pipeline.network.miner_hotkey)) is not None:
        say(f"{problem}\nmining begins by itself within five minutes of the registration")


def check_chain(context: CheckContext) -> list[CheckResult]:
    """Return what is wrong with the chain by the store; nothing where no chain is read."""
    pipeline, settings = context.pipeline, context.settings
    if not settings.mining.harvest or settings.network.chain_endpoint is None:
        return []
    now, found = pipeline.clock.now(), []
    read = pipeline.store.validators.metagraph_read(settings.network.metagraph_source)
    listed, saved_at = pipeline.store.validators.listed()
    if read.failures:
        age = age_in_words(saved_at, now) if saved_at is not None and read.is_current else None
        going_on = f"mining goes on with the list of {age} ago" if age else "there is no list to go on with"
        next_s = max(0.0, (read.next_read_at - now).total_seconds()) if read.next_read_at is not None else 0.0
        health = Health.WARNING if age else Health.FAILED
        text = f"{read.reason}; {going_on}; read {read.failures} times in vain, next try in {next_s:.0f} s"
        found.append(CheckResult("chain", health, text))
    if settings.network.miner_hotkey and read.is_current and listed:
        problem = _why_unregistered(pipeline, settings.network.miner_hotkey)
        if problem is not None:
            found.append(CheckResult("registration", Health.FAILED, problem))
    return found


def age_in_words(since: datetime, now: datetime) -> str:
    """Return the age in its largest unit, such as "3 h" or "12 min"."""
    seconds = max(0.0, elapsed(since, now).total_seconds())
    if seconds >= 2 * _HOUR_S:
        return f"{seconds / _HOUR_S:.0f} h"
    return f"{seconds / _MINUTE_S:.0f} min" if seconds >= 2 * _MINUTE_S else f"{seconds:.0f} s"


def _why_unregistered(pipeline: Pipeline, hotkey: str) -> str | None:
    settings = pipeline.settings
    if settings.network.chain_endpoint is None:
        return None
    listed, _ = pipeline.store.validators.listed()
    return why_unregistered(listed, hotkey, settings.network.registration_command)
