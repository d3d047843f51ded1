"""A closed terminal is a stop like any other."""

import os
import signal

import pytest

from trellis_assets.supervisor.stop_signal import StopSignal


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_that_ends_programs_requests_a_stop(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with StopSignal().listening() as stop:
        os.kill(os.getpid(), number)
        assert stop.count == 1
    assert signal.getsignal(number) is before
