"""The terminal of a session tells of the chain and of the clock: once when it fails, once when it is back."""

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from trellis_assets.composition import Pipeline
from trellis_assets.domain.clock_offset import Offset
from trellis_assets.domain.outages import REPORT_AFTER_S, Outages
from trellis_assets.settings import Settings
from trellis_assets.supervisor.periodic_checks import PeriodicChecks
from trellis_assets.supervisor.supervision import Supervision
from trellis_assets.testing.fakes import MINER, a_validator

VALIDATORS = [a_validator(uid) for uid in (1, 2, 3)]


class Terminal:
    """The lines that a session's own checks lead to, at times that the test names."""

    def __init__(self, folder: Path) -> None:
        settings = Settings.load(data_dir=folder, network="finney", miner_hotkey=MINER)
        self.pipeline = Pipeline(settings)
        checks = Supervision(self.pipeline, {}, 9, print)._checks.checks
        self._checks = {check.name: check for check in checks}
        self._outages, self._now = Outages(), 0.0

    def lines(self, check: str, *, times: int = 3) -> list[str]:
        """Run the check so many times, each long enough after the last for its news to be told."""
        told: list[str] = []
        for _ in range(times):
            self._now += REPORT_AFTER_S
            told += self._outages.update(check, self._checks[check].run(), self._now)
        return told


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    opened = Terminal(tmp_path)
    yield opened
    opened.pipeline.close()


def test_chain_outage_is_said_once_and_its_end_once(terminal: Terminal) -> None:
    store, clock = terminal.pipeline.store, terminal.pipeline.clock
    source, now = terminal.pipeline.settings.network.metagraph_source, clock.now()
    us = a_validator(9, hotkey=MINER)
    store.validators.save([*VALIDATORS, us], now - timedelta(hours=1), source=source)
    assert terminal.lines("chain") == []
    for failures in (1, 2):
        later = now + timedelta(seconds=60)
        store.validators.record_metagraph_failure(
            source, failures=failures, reason="the chain does not answer", next_read_at=later
        )
    (line,) = terminal.lines("chain", times=4)
    assert line.startswith("chain: the chain does not answer; mining goes on with the list of 60 min ago;")
    store.validators.save([*VALIDATORS, us], clock.now(), source=source)
    assert terminal.lines("chain") == ["chain is back after 20 s"]


def test_wrong_clock_is_said_once_with_how_to_set_it_and_its_end_once(terminal: Terminal) -> None:
    store, clock = terminal.pipeline.store, terminal.pipeline.clock
    store.validators.save(VALIDATORS, clock.now(), source=terminal.pipeline.settings.network.metagraph_source)

    def measured(offset_s: float) -> None:
        now = clock.now()
        for validator in VALIDATORS:
            store.polls.begin(
                MINER, validator.hotkey, next_poll_at=now, now=now, max_backoff=timedelta(hours=1)
            )
            store.polls.record(
                MINER, validator.hotkey, outcome="NoTask", now=now, clock=Offset(offset_s, 0.6)
            )

    measured(0.3)
    assert terminal.lines("clock") == []
    measured(-400.0)
    (line,) = terminal.lines("clock", times=4)
    assert line.startswith(
        "clock: this machine's clock is 400 s ahead of that of most of 3 validators -> set"
    )
    measured(0.2)
    assert terminal.lines("clock") == ["clock is back after 20 s"]


def test_unregistered_hotkey_that_the_start_told_is_not_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PeriodicChecks, "start", lambda _: None)
    with closing(
        Pipeline(Settings.load(data_dir=tmp_path, network="finney", miner_hotkey=MINER))
    ) as pipeline:
        source = pipeline.settings.network.metagraph_source
        pipeline.store.validators.save(VALIDATORS, pipeline.clock.now(), source=source)
        supervision = Supervision(pipeline, {}, 9, print)
        supervision.start()
        checks = supervision._checks
        (chain,) = [check for check in checks.checks if check.name == "chain"]
        later = time.monotonic() + 2 * REPORT_AFTER_S
        assert [result.part for result in chain.run()] == ["registration"]
        assert checks._outages.update("chain", chain.run(), later) == []
        us = a_validator(9, hotkey=MINER)
        pipeline.store.validators.save([*VALIDATORS, us], pipeline.clock.now(), source=source)
        checks._outages.update("chain", chain.run(), later)
        (line,) = checks._outages.update("chain", chain.run(), later + REPORT_AFTER_S)
        assert line.startswith("registration is back")
