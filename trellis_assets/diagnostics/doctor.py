"""The doctor: run every health check that mining needs, each within bounds, and collect the results."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from trellis_assets.composition import Pipeline
from trellis_assets.diagnostics.clock_check import check_clock
from trellis_assets.diagnostics.earnings_check import check_earnings
from trellis_assets.diagnostics.machine_checks import (
    CheckContext,
    check_disk,
    check_files,
    check_generator,
    check_gpu,
    check_store,
    check_validation,
)
from trellis_assets.diagnostics.mining_checks import check_mining
from trellis_assets.diagnostics.policy_check import check_policy
from trellis_assets.diagnostics.proxy_checks import check_proxies
from trellis_assets.diagnostics.recipe_checks import check_recipes
from trellis_assets.diagnostics.subnet_checks import check_subnet, check_wallet
from trellis_assets.diagnostics.worker_checks import check_workers
from trellis_assets.domain.diagnostics import CheckResult, Health
from trellis_assets.settings import Settings, SettingsError
from trellis_assets.system.expiring_cache import ExpiringCache

# Longer than any check takes that ends at all, but for a slow chain.
TIMEOUT_S = 30.0
_CHECKS: dict[str, Callable[[CheckContext], list[CheckResult]]] = {
    "store": check_store,
    "files": check_files,
    "disk": check_disk,
    "wallet": check_wallet,
    "subnet": check_subnet,
    "generator": check_generator,
    "recipes": check_recipes,
    "validation": check_validation,
    "policy": check_policy,
    "gpu": check_gpu,
    "mining": check_mining,
    "workers": check_workers,
    "proxy": check_proxies,
    "clock": check_clock,
    "neuron": check_earnings,
}


def examine(settings: Settings, *, reads_key: bool = True, timeout_s: float = TIMEOUT_S) -> list[CheckResult]:
    """Return the results of all checks, after `timeout_s` at most. No validator is polled.

    Args:
        settings: of the miner.
        reads_key: whether the hotkey is read to see that it can be; False in processes that do not
            sign, which only check that its file is there.
        timeout_s: a check that takes longer is reported as failed.
    """
    pipeline = Pipeline(settings)
    context = CheckContext(pipeline, reads_key=reads_key)
    deadline = time.monotonic() + timeout_s
    try:
        started = {part: _started(check, context) for part, check in _CHECKS.items()}
        return [result for part, found in started.items() for result in _outcome(part, found, deadline)]
    finally:
        pipeline.close()


def _started(
    check: Callable[[CheckContext], list[CheckResult]], context: CheckContext
) -> Future[list[CheckResult]]:
    """Start the check in a daemon thread: no process waits for it when it ends."""
    found: Future[list[CheckResult]] = Future()

    def run() -> None:
        try:
            found.set_result(check(context))
        except BaseException as error:  # noqa: BLE001 - becomes a result
            found.set_exception(error)

    threading.Thread(target=run, name=check.__name__, daemon=True).start()
    return found


def _outcome(part: str, found: Future[list[CheckResult]], deadline: float) -> list[CheckResult]:
    try:
        return found.result(max(0.0, deadline - time.monotonic()))
    except SettingsError as error:
        return [CheckResult(part, Health.FAILED, str(error), "correct the setting")]
    except Exception as error:  # noqa: BLE001 - one part that cannot be checked hides no other
        # The text of an unexpected error may hold anything: only its type is shown.
        text = f"the check failed: {type(error).__name__}" if found.done() else "no answer in time"
        return [CheckResult(part, Health.FAILED, text, "see the logs in the data folder")]


@dataclass(slots=True)
class CachedDiagnostics:
    """Caches the results of `examine` for `fresh_s` seconds, and runs one examination at a time."""

    examine: Callable[[], Sequence[CheckResult]]
    fresh_s: float = 5.0
    _cache: ExpiringCache[Sequence[CheckResult]] = field(init=False)
    _one: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._cache = ExpiringCache((), lambda took_s: took_s + self.fresh_s)

    def __call__(self) -> Sequence[CheckResult]:
        """Return the results, at most `fresh_s` seconds old."""
        with self._one:
            return self._cache.get(self.examine)
