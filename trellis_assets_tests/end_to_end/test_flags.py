"""A flag beats the same setting in `.env` in every process of a session, also after a part was restarted."""

from pathlib import Path

import psutil
import pytest

from trellis_assets.adapters.storage.store import open_store
from trellis_assets.testing.waiting import wait_until
from trellis_assets_tests.end_to_end.sessions import MineSession, mining

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("end_to_end"),
    pytest.mark.sqlite_only,
]
FLAGS = {"TRELLIS_NETWORK": "local", "TRELLIS_MIN_SCORE": "0.0", "TRELLIS_SUBMIT": "true"}


def differing(session: MineSession) -> dict[int, dict[str, str | None]]:
    """Return the processes of the session in whose environment a flag has another value, or none."""
    found = {}
    for process in psutil.Process(session.process.pid).children(recursive=True):
        try:
            environment, command = process.environ(), process.cmdline()
        except psutil.Error:
            continue  # it has ended
        if "python" not in " ".join(command[:1]):
            continue
        wrong = {name: environment.get(name) for name in FLAGS if environment.get(name) != FLAGS[name]}
        if wrong:
            found[process.pid] = wrong
    return found


def test_a_flag_beats_dotenv_in_every_process_of_a_session(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    # On finney no validator would be polled; with this score every task would be handed back.
    dotenv.write_text("TRELLIS_NETWORK=finney\nTRELLIS_MIN_SCORE=1\nTRELLIS_SUBMIT=false\n")
    with mining(tmp_path, "--network", "local", "--min-score", "0", "--submit") as session:
        session.wait_accepted(1)
        assert differing(session) == {}
        dotenv.write_text("TRELLIS_MIN_SCORE=1\nTRELLIS_PULL_TIMEOUT_S=never\n")
        before = session.accepted()
        session.child("code_server").kill()
        session.child("run_workers").kill()
        session.wait_accepted(before + 2)
        wait_until(lambda: differing(session) == {}, "restarted processes have the flags' values")
        store = open_store(session.settings.storage.store_url)
        assert "declined" not in store.statistics.count_by_state()
        store.close()
        # Dagster's commands say so; variables that are set in a process later do not show in its environment.
        logs = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "logs").glob("*.log"))
        assert "Loaded environment variables from .env" not in logs
