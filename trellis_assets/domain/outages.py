"""Outages: a failing part is reported once when it begins and once when it ends, if it lasts 5 s."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from trellis_assets.domain.diagnostics import CheckResult, Health

# A failure, or its end, is reported when it has lasted for so long, in seconds.
REPORT_AFTER_S = 5.0
_LONGEST = 400


@dataclass(slots=True)
class _State:
    """Of one part: since when it is as it was seen last, and whether its failure was reported."""

    is_unwell: bool
    since: float
    failed_at: float
    is_reported: bool = False


@dataclass(slots=True)
class Outages:
    """Turn results of checks into lines for people. Times are seconds of a monotonic clock.

    Examples:
        >>> outages, down = Outages(), [CheckResult("disk", Health.FAILED, "full")]
        >>> [outages.update("disk", down, now) for now in (0.0, 4.0, 5.0, 9.0)]
        [[], [], ['disk: full'], []]
        >>> outages.update("disk", [], 60.0), outages.update("disk", [], 65.0)
        ([], ['disk is back after 60 s'])
    """

    _states: dict[str, _State] = field(default_factory=dict)

    def update(self, check: str, results: Iterable[CheckResult], now: float) -> list[str]:
        """Return a line for each part whose failure, or recovery, is to be reported now.

        Args:
            check: its name; parts that failed before and are not in the results are well.
            results: all that the check found now.
            now: of the monotonic clock.
        """
        unwell = {_key(check, s): s for s in results if s.health is not Health.OK}
        known = [key for key in self._states if key.split("/", 1)[0] == check]
        lines = [line for key, result in unwell.items() if (line := self._fails(key, result, now))]
        return lines + [line for key in known if key not in unwell and (line := self._is_well(key, now))]

    def mark_reported(self, check: str, results: Iterable[CheckResult], now: float) -> None:
        """Note that these failures were reported already: only their end is reported.

        Args:
            check: its name.
            results: that were reported.
            now: of the monotonic clock.
        """
        for result in results:
            if result.health is not Health.OK:
                self._states[_key(check, result)] = _State(
                    is_unwell=True, since=now, failed_at=now, is_reported=True
                )

    def _fails(self, key: str, result: CheckResult, now: float) -> str | None:
        state = self._states.setdefault(key, _State(is_unwell=True, since=now, failed_at=now))
        if not state.is_unwell:
            state.is_unwell, state.since = True, now
        if state.is_reported or now - state.since < REPORT_AFTER_S:
            return None
        state.is_reported = True
        advice = f" -> {result.advice}" if result.advice else ""
        return f"{result.part}: {result.text}{advice}"[:_LONGEST]

    def _is_well(self, key: str, now: float) -> str | None:
        state = self._states[key]
        if state.is_unwell:
            state.is_unwell, state.since = False, now
        if not state.is_reported:
            del self._states[key]
            return None
        if now - state.since < REPORT_AFTER_S:
            return None
        del self._states[key]
        return f"{_named(key)} is back after {_duration(state.since - state.failed_at)}"


def _key(check: str, result: CheckResult) -> str:
    """Return the key of a part's state; an endpoint has its own, by the first word of the text."""
    return f"{check}/{result.part}/{result.text.split(' ', 1)[0] if result.part == 'endpoint' else ''}"


def _named(key: str) -> str:
    _, part, name = key.split("/", 2)
    return f"{part} {name}".strip()


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"  # noqa: PLR2004 - minutes from then on
