"""The audit trail's file, opened by whoever comes first."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from trellis_assets.audit import audit, write_audit_to


def test_threads_that_open_it_at_once_do_not_write_each_line_twice(tmp_path: Path) -> None:
    together = Barrier(16)

    def open_it(_: int) -> None:
        together.wait(10)
        write_audit_to(tmp_path)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(open_it, range(16)))
    audit("task pulled", number=1)
    lines = (tmp_path / "trellis.jsonl").read_text().splitlines()
    assert [json.loads(line)["number"] for line in lines] == [1]
