"""The audit log: one JSON line per event, with task and validator, in a rotated file."""

import json
import logging
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from trellis_assets.domain.tasks import Task, printable

LOGGER_NAME = "trellis_assets.audit"
MAX_BYTES = 20 * 1024 * 1024
BACKUPS = 5
_FIELDS = "audit_fields"

_logger = logging.getLogger(LOGGER_NAME)
_opening, _open_files = threading.Lock(), set[str]()


def audit(event: str, *, task: Task | None = None, level: int = logging.INFO, **fields: object) -> None:
    """Write one line to the audit log, and to Dagster's run log where one listens.

    A line that cannot be written (Dagster's run log raises on a full disk) fails no task: it goes to the
    standard error.

    Args:
        event: what happened, as a short verb phrase.
        task: adds its ids, state and a printable form of its prompt.
        level: of the `logging` module.
        **fields: more facts; values must be plain (str, number, bool, None).
    """
    if task is not None:
        fields = {
            "task_key": task.key,
            "task_id": printable(task.task_id),
            "validator_uid": task.validator_uid,
            "validator_hotkey": task.validator_hotkey,
            "prompt": task.label,
            "state": str(task.state),
        } | fields
    text = " ".join([event, *(f"{name}={value}" for name, value in fields.items() if value is not None)])
    line = printable(text, 1000)
    try:
        _logger.log(level, line, extra={_FIELDS: {"event": event} | fields})
    except Exception as error:  # noqa: BLE001 - handlers of others raise what their storages raise
        with suppress(OSError):
            sys.stderr.write(f"not in the audit log ({type(error).__name__}): {line}\n")


class _JsonLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "process": record.process,
        }
        line |= getattr(record, _FIELDS, None) or {"event": printable(record.getMessage(), 2000)}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=True)


def configure_audit_log(folder: Path, level: str = "INFO") -> None:
    """Write the audit lines of this process to `folder/trellis.jsonl`, rotated safely between processes.

    A further call for the same folder changes nothing.
    """
    from concurrent_log_handler import ConcurrentRotatingFileHandler

    class ReopeningHandler(ConcurrentRotatingFileHandler):
        """Continues in a new file where the folder of logs was deleted."""

        def emit(self, record: logging.LogRecord) -> None:
            with suppress(OSError):  # the write that follows reports what is wrong
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            super().emit(record)

    path = str((folder / "trellis.jsonl").absolute())
    # Several threads open the pipeline of a code server at once; two handlers would write each line twice.
    with _opening:
        if path in _open_files:
            return
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handler = ReopeningHandler(
            path,
            maxBytes=MAX_BYTES,
            backupCount=BACKUPS,
            chmod=0o600,
            # One that stays open writes on into a file that was deleted.
            keep_file_open=False,
        )
        handler.setFormatter(_JsonLine())
        package = logging.getLogger("trellis_assets")
        package.addHandler(handler)
        package.setLevel(level)
        _open_files.add(path)
