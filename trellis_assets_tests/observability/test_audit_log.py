"""The audit trail's file, opened by whoever comes first."""

import json
import logging
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from trellis_assets.observability.audit_log import LOGGER_NAME, audit, configure_audit_log


def test_threads_that_open_the_log_at_once_do_not_write_lines_twice(tmp_path: Path) -> None:
    together = Barrier(16)

    def open_it(_: int) -> None:
        together.wait(10)
        configure_audit_log(tmp_path)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(open_it, range(16)))
    audit("task pulled", number=1)
    lines = (tmp_path / "trellis.jsonl").read_text().splitlines()
    assert [json.loads(line)["number"] for line in lines] == [1]


def test_audit_log_continues_in_a_new_file_after_its_folder_was_deleted(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    configure_audit_log(logs)
    audit("before")
    shutil.rmtree(logs)
    audit("after")
    (logs / "trellis.jsonl").unlink()
    audit("once more")
    lines = (logs / "trellis.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["once more"]


def test_log_that_cannot_be_written_fails_no_task(capsys: pytest.CaptureFixture[str]) -> None:
    """Dagster's handler writes to its database, and raises when the disk is full."""

    class Full(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            raise RuntimeError("database or disk is full")

    handler = Full()
    logging.getLogger(LOGGER_NAME).addHandler(handler)
    try:
        audit("the answer could not be stored yet", level=logging.ERROR, reason="full")
    finally:
        logging.getLogger(LOGGER_NAME).removeHandler(handler)
    assert (
        "not in the audit log (RuntimeError): the answer could not be stored yet" in capsys.readouterr().err
    )
