"""The figures of docs/security.md are those of the code, and each of its rows names tests that exist."""

import json
import re
from pathlib import Path

import pytest

from trellis_assets.adapters.bittensor.response_memory import MOST_BYTES
from trellis_assets.adapters.bittensor.responses import ANSWER_WITHOUT_PROMPT, MAX_PROMPT, MAX_PULL_BYTES
from trellis_assets.adapters.generation import model_pictures
from trellis_assets.adapters.http_client.response import ResponseBounds
from trellis_assets.adapters.prompt_images import FORMATS, MAX_PIXELS
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.servers.connections import ConnectionLimits
from trellis_assets.servers.failed_logins import FailedLogins
from trellis_assets.servers.hosts import MIN_TOKEN_CHARACTERS
from trellis_assets.servers.middleware import OPEN_ROUTES
from trellis_assets_tests.hostile.__main__ import LEAST_PACE, MOST_GROWTH_MB, MOST_LAG_S

ROOT = Path(__file__).parents[2]
TEXT = " ".join((ROOT / "docs" / "security.md").read_text(encoding="utf-8").split())
KIB, MIB = 1 << 10, 1 << 20


@pytest.mark.parametrize(
    ("sentence", "holds"),
    [
        (
            "at most 100 headers in 32 KiB",
            (ResponseBounds(1).headers, ResponseBounds(1).head) == (100, 32 * KIB),
        ),
        ("16 MiB and 64 KiB for a pull's response", MAX_PULL_BYTES == 16 * MIB + 64 * KIB),
        ("64 KiB more than was sent for a submission's", ANSWER_WITHOUT_PROMPT == 64 * KIB),
        ("48 MiB for all together", MOST_BYTES == 48 * MIB),
        ("three formats, 32 megapixels", (len(FORMATS), MAX_PIXELS) == (3, 32_000_000)),
        ("a token of at least 16 characters", MIN_TOKEN_CHARACTERS == 16),
        ("only `/health` is open", {route.rstrip("/") for route in OPEN_ROUTES} == {"/health"}),
        (
            "256 connections, 64 from one address",
            (ConnectionLimits().total, ConnectionLimits().per_peer) == (256, 64),
        ),
        ("8 MB and 5 s each", (model_pictures.MAX_BYTES, model_pictures.TIMEOUT_S) == (8 * MIB, 5.0)),
        (
            "falls below 90 %, the code server grows by more than 100 MB, its event loop is more than 0.5 s",
            (LEAST_PACE, MOST_GROWTH_MB, MOST_LAG_S) == (0.9, 100.0, 0.5),
        ),
    ],
)
def test_figures_are_those_of_the_code(sentence: str, holds: bool) -> None:
    assert sentence in TEXT
    assert holds


def test_the_wait_after_wrong_tokens_is_as_told() -> None:
    assert "after six wrong ones the address waits 2 s, then 4, up to 60" in TEXT
    logins = FailedLogins(lambda: 0.0)
    waits = []
    for _ in range(12):
        logins.add("peer")
        waits.append(logins.wait_s("peer"))
    assert waits == [0] * 5 + [2, 4, 8, 16, 32, 60, 60]


def test_a_text_task_is_smaller_than_a_picture() -> None:
    assert MAX_PROMPT[TaskKind.TEXT] < MAX_PROMPT[TaskKind.IMAGE]


def rows() -> list[list[str]]:
    """Return the cells of the table of defences."""
    lines = (ROOT / "docs" / "security.md").read_text(encoding="utf-8").splitlines()
    table = [line.strip("|").split("|") for line in lines if line.startswith("| ")]
    return [[cell.strip() for cell in cells] for cells in table[1:] if len(cells) == 5]


def test_each_defence_names_code_and_tests_that_exist() -> None:
    assert len(rows()) >= 17
    for _, _, _, code, tests in rows():
        named = re.findall(r"`([^`]+)`", code)
        assert named
        assert all((ROOT / "trellis_assets" / name).exists() or (ROOT / name).exists() for name in named), (
            code
        )
        named = re.findall(r"`([^`]+\.py)`", tests)
        assert named
        assert all((ROOT / "trellis_assets_tests" / name).is_file() for name in named), tests


def test_the_figures_of_the_hostile_run_are_those_that_were_measured() -> None:
    result = json.loads((ROOT / "benchmarks" / "results" / "hostile.json").read_text(encoding="utf-8"))
    alone, beside = result["alone"], result["beside_hostile"]
    pace = [part["accepted"] * 60 / part["seconds"] for part in (alone, beside)]
    for part, accepted in zip((alone, beside), pace, strict=True):
        figures = f"{accepted:.1f} | {part['growth_mb']:+.0f} | {part['peak_mb']:.0f} | {part['lag_s']:.2f} |"
        assert figures in TEXT
    assert result["violations"] == []
    assert f"{result['attacks']} hostile ones" in TEXT


def test_an_index_without_advisories_fails_no_audit(capsys: pytest.CaptureFixture[str]) -> None:
    import runpy

    audit = runpy.run_path(str(ROOT / ".ci" / "audit"), run_name="audit")
    assert audit["report_findings"]('{"dependencies": []}') == 0
    assert "NOT AUDITED" in capsys.readouterr().out
    vulnerable = {"name": "x", "version": "1", "vulns": [{"id": "CVE-1"}]}
    assert audit["report_findings"](json.dumps({"dependencies": [vulnerable]})) == 1
    assert "CVE-1" in capsys.readouterr().out
