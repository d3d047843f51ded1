"""Logs of processes that run for months."""

from pathlib import Path

from trellis_assets.observability.log_rotation import rotate_logs


def test_large_log_is_emptied_under_its_writer_and_kept_once(tmp_path: Path) -> None:
    large, small = tmp_path / "daemon.log", tmp_path / "server.log"
    small.write_text("little")
    with large.open("ab") as writer:
        writer.write(b"x" * 2000)
        writer.flush()
        assert rotate_logs(tmp_path, limit=1000) == 1
        writer.write(b"after")
        writer.flush()
    assert large.read_bytes() == b"after"
    assert (tmp_path / "daemon.log.1").read_bytes() == b"x" * 2000
    assert small.read_text() == "little"
