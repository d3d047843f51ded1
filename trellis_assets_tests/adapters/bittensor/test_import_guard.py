"""Importing bittensor silences nobody."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import logging, sys
from pathlib import Path
from trellis_assets.observability.audit_log import audit, configure_audit_log
configure_audit_log(Path(sys.argv[1]))
dagster = logging.getLogger("dagster")
dagster.addHandler(logging.StreamHandler(sys.stdout))
dagster.setLevel("INFO")
logging.basicConfig(level="INFO")
audit("before")
import trellis_assets.adapters.bittensor.client
audit("after")
dagster.info("still here")
print(len(logging.root.handlers), logging.root.level)
"""


def test_the_audit_trail_and_other_logs_outlive_the_import(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
    )
    lines = (tmp_path / "trellis.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["before", "after"]
    assert done.stdout.splitlines()[-2:] == ["still here", "1 20"]


THREADS = """
import logging, threading
from trellis_assets.adapters.bittensor.import_guard import bt
logging.basicConfig(format="heard: %(message)s")
bt.logging.warning("a warning of the library")
print([thread.name for thread in threading.enumerate()])
"""


def test_the_import_leaves_no_thread_and_its_warnings_are_heard() -> None:
    done = subprocess.run(
        [sys.executable, "-c", THREADS], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "['MainThread']"
    assert "heard: a warning of the library" in done.stderr
