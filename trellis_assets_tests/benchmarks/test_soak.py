"""What the soak says of its samples."""

from pathlib import Path

import soak


def a_row(tasks: int, memory_mb: float) -> dict[str, float | str]:
    same: dict[str, float | str] = dict.fromkeys(soak.JUDGED, 1.0)
    return same | {"tasks": str(tasks), "memory_mb": memory_mb}


def test_the_last_stretch_is_held_against_the_base_and_not_against_the_first() -> None:
    rows = [a_row(500, 50.0), a_row(1000, 100.0), a_row(1500, 300.0), a_row(2000, 109.0)]
    verdicts = {str(row["figure"]): row for row in soak.verdicts(rows, base=1000)}
    assert verdicts["memory_mb"]["verdict"] == "flat"
    assert verdicts["memory_mb"]["ratio"] == 1.09
    assert (verdicts["memory_mb"]["at_1000"], verdicts["memory_mb"]["at_2000"]) == (100.0, 109.0)


def test_more_than_a_tenth_is_growth() -> None:
    verdicts = {row["figure"]: row["verdict"] for row in soak.verdicts([a_row(10, 100), a_row(20, 111)], 10)}
    assert verdicts.pop("memory_mb") == "GROWS"
    assert set(verdicts.values()) == {"flat"}


def test_disk_is_told_by_part(tmp_path: Path) -> None:
    (tmp_path / "models" / "2026").mkdir(parents=True)
    (tmp_path / "models" / "2026" / "a.spz").write_bytes(b"x" * 1_000_000)
    (tmp_path / "trellis.db").write_bytes(b"x" * 500_000)
    (tmp_path / "trellis.db-wal").write_bytes(b"x" * 500_000)
    used = soak.disk_mb(tmp_path)
    assert 0.99 < used["models"] < 1.1
    assert 0.99 < used["store"] < 1.1
    assert used["dagster"] == 0
