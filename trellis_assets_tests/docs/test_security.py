"""docs/security.md is true: each claim names a test that exists, and its figures are those of the code."""

import ast
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
TESTS = ROOT / "trellis_assets_tests"
ADVICE = "*Advice to the operator: no test.*"
HEADING = "| claim | test |\n"
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")
# A full stop ends a sentence where the next one begins.
SENTENCE = re.compile(r"(?<=\.) (?=[A-Z`])")


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
        ("8 MiB and 5 s each", (model_pictures.MAX_BYTES, model_pictures.TIMEOUT_S) == (8 * MIB, 5.0)),
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


def blocks() -> dict[str, list[str]]:
    """Return what stands between blank lines, by its section of level two."""
    sections: dict[str, list[str]] = {}
    section = ""
    for block in (ROOT / "docs" / "security.md").read_text(encoding="utf-8").split("\n\n"):
        if block.startswith("## "):
            section = block.removeprefix("## ")
        elif not block.startswith("#"):
            sections.setdefault(section, []).append(block.strip())
    return sections


def claims() -> list[str]:
    """Return all sentences and rows that claim something."""
    found: list[str] = []
    for stated in blocks().values():
        if stated[0] == ADVICE:
            continue
        for block in stated:
            if block.startswith("Code: "):
                continue
            if not block.startswith("|"):
                for part in block.removeprefix("- ").split("\n- "):
                    found += SENTENCE.split(" ".join(part.split()))
            elif block.startswith(HEADING):
                found += block.splitlines()[2:]
            else:
                assert NAMED.search(found[-1]), f"no sentence names the test of the figures: {block}"
    return found


def functions(path: Path) -> set[str]:
    if not path.is_file():
        return set()
    top = ast.parse(path.read_text(encoding="utf-8")).body
    return {node.name for node in top if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_claim_names_a_test_that_exists() -> None:
    untrue = []
    for claim in claims():
        named = NAMED.findall(claim)
        if not named or any(name not in functions(TESTS / path) for path, name in named):
            untrue.append(claim)
    assert untrue == []
    assert len(claims()) > 100


def test_a_row_claims_one_thing() -> None:
    rows = [claim.strip("| ") for claim in claims() if claim.startswith("|")]
    several = [row for row in rows if SENTENCE.search(row.split(" | ")[0])]
    assert several == []


def test_only_the_two_named_sections_are_advice() -> None:
    advice = [section for section, stated in blocks().items() if ADVICE in stated]
    assert advice == ["What to protect", "What you must do yourself"]
    assert all(blocks()[section][0] == ADVICE for section in advice)


def test_every_path_of_code_exists() -> None:
    sections = blocks()
    lines = [block for stated in sections.values() for block in stated if block.startswith("Code: ")]
    assert len(lines) >= len(sections) - 3, "of each section but the first one and those of advice"
    for line in lines:
        named = re.findall(r"`([^`]+)`", line)
        assert named
        assert all((ROOT / "trellis_assets" / name).exists() or (ROOT / name).exists() for name in named)


def attributes_of_the_product() -> list[tuple[str, str]]:
    """Return every attribute, imported name and keyword argument of the package, with its module."""
    found = []
    for path in (ROOT / "trellis_assets").rglob("*.py"):
        module = path.relative_to(ROOT / "trellis_assets").as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                found.append((module, f"{ast.unparse(node.value)}.{node.attr}"))
            elif isinstance(node, ast.ImportFrom):
                found += [(module, f"{node.module}.{alias.name}") for alias in node.names]
            elif isinstance(node, ast.keyword):
                found.append((module, f"{node.arg}={ast.unparse(node.value)}"))
    return found


def test_no_shell_is_started_anywhere() -> None:
    names = attributes_of_the_product()
    assert {"subprocess.run", "subprocess.Popen"} <= {name for _, name in names}
    shells = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput",
              "asyncio.create_subprocess_shell"}  # fmt: skip
    assert [used for used in names if used[1] in shells or used[1].startswith("shell=")] == []


def test_only_the_wallet_module_reads_a_key() -> None:
    """The validators of the local subnet have development keys of their own."""
    readers = {
        module
        for module, name in attributes_of_the_product()
        if name.rpartition(".")[2] in {"Wallet", "wallet", "hotkey_file", "Keyfile", "create_from_uri"}
        and name.startswith(("bt.", "bittensor", "wallet."))
    }
    assert readers == {"adapters/bittensor/wallet.py", "adapters/local_subnet/validator.py"}


def test_locked_packages_are_installed_with_their_hashes_required() -> None:
    script = (ROOT / "requirements" / "install").read_text(encoding="utf-8")
    assert 'options="--no-deps --require-hashes"' in script
    assert "uv pip install --quiet $options" in script
    assert "  pip install $options" in script
    lines = [line.strip() for line in script.splitlines() if "-r " in line and "install" in line]
    assert all("--require-hashes" in line for line in lines)


def test_ci_audits_the_packages() -> None:
    assert "make audit" in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


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
