"""Outages: a part that fails is told once, and once more when it is back; what lasts for seconds is not."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from trellis_assets.domain.diagnostics import CheckResult, Health

# A part is told when it has been unwell, or well again, for so long.
TELL_AFTER_S = 5.0
_LONGEST = 400


@dataclass(slots=True)
class _State:
    """Of one part: since when it is as it was seen last, and what people were told."""

    is_unwell: bool
    since: float
    failed_at: float
    is_told: bool = False


@dataclass(slots=True)
class Outages:
    """What was found of each part so far. Times are seconds of a monotonic clock."""

    _states: dict[str, _State] = field(default_factory=dict)

    def update(self, check: str, results: Iterable[CheckResult], now: float) -> list[str]:
        """Return lines for people about what the check found: parts that fail, and that are back.

        Args:
            check: its name; parts that it found unwell before and does not name now are well.
            results: all that it found now.
            now: when.
        """
        unwell = {_key(check, s): s for s in results if s.health is not Health.OK}
        known = [key for key in self._states if key.split("/", 1)[0] == check]
        lines = [line for key, result in unwell.items() if (line := self._fails(key, result, now))]
        return lines + [line for key in known if key not in unwell and (line := self._is_well(key, now))]

    def mark_told(self, check: str, results: Iterable[CheckResult], now: float) -> None:
        """Note that people were told of these failures already: they are told again only when they are over.

        Args:
            check: its name.
            results: what was told.
            now: when.
        """
        for result in results:
            if result.health is not Health.OK:
                self._states[_key(check, result)] = _State(
                    is_unwell=True, since=now, failed_at=now, is_told=True
                )

    def _fails(self, key: str, result: CheckResult, now: float) -> str | None:
        state = self._states.setdefault(key, _State(is_unwell=True, since=now, failed_at=now))
        if not state.is_unwell:
            state.is_unwell, state.since = True, now
        if state.is_told or now - state.since < TELL_AFTER_S:
            return None
        state.is_told = True
        advice = f" -> {result.advice}" if result.advice else ""
        return f"{result.part}: {result.text}{advice}"[:_LONGEST]

    def _is_well(self, key: str, now: float) -> str | None:
        state = self._states[key]
        if state.is_unwell:
            state.is_unwell, state.since = False, now
        if not state.is_told:
            del self._states[key]
            return None
        if now - state.since < TELL_AFTER_S:
            return None
        del self._states[key]
        return f"{_named(key)} is back after {_duration(state.since - state.failed_at)}"


def _key(check: str, result: CheckResult) -> str:
    """Each endpoint has a state of its own; its name is the first word of what is told of it."""
    return f"{check}/{result.part}/{result.text.split(' ', 1)[0] if result.part == 'endpoint' else ''}"


def _named(key: str) -> str:
    _, part, name = key.split("/", 2)
    return f"{part} {name}".strip()


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"  # noqa: PLR2004 - minutes from then on
