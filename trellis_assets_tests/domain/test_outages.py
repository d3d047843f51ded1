"""A part that fails is told once, and once when it is back; what passes in seconds is not told."""

from trellis_assets.domain.diagnostics import CheckResult, Health
from trellis_assets.domain.outages import REPORT_AFTER_S, Outages

DOWN = CheckResult("generator", Health.FAILED, "no generation endpoint takes work: refused", "start it")
WELL = CheckResult("generator", Health.OK, "http takes work")
A, B = (
    CheckResult(
        "endpoint", Health.WARNING, f"http://{name} takes work; failed 3 times in a row", "see its log"
    )
    for name in "ab"
)


def told(*looks: list[CheckResult], every_s: float = 5.0) -> list[list[str]]:
    outages = Outages()
    return [outages.update("generator", found, number * every_s) for number, found in enumerate(looks)]


def test_an_outage_is_reported_once_and_once_more_when_it_is_over() -> None:
    lines = told([WELL], [DOWN], [DOWN], [DOWN], [DOWN], [WELL], [WELL], [WELL], [WELL])
    assert [line for look in lines for line in look] == [
        "generator: no generation endpoint takes work: refused -> start it",
        "generator is back after 20 s",
    ]


def test_a_failure_that_passes_at_once_is_not_reported() -> None:
    assert told([DOWN], [WELL], [DOWN], [WELL], [DOWN], every_s=REPORT_AFTER_S - 1) == [[]] * 5


def test_a_part_that_is_well_for_a_moment_is_not_called_back() -> None:
    lines = told([DOWN], [DOWN], [DOWN], [WELL], [DOWN], [DOWN], [DOWN])
    assert sum(map(len, lines)) == 1


def test_each_endpoint_is_reported_by_itself() -> None:
    lines = told([A, B], [A, B], [A, B], [B], [B], [B])
    assert [line.split(" ")[1] for look in lines[:3] for line in look] == ["http://a", "http://b"]
    assert [line for look in lines[3:] for line in look] == ["endpoint http://a is back after 15 s"]


def test_a_line_is_bounded_whatever_a_peer_said() -> None:
    failed = CheckResult("mining", Health.FAILED, "x" * 10_000)
    assert max(len(line) for look in told([failed], [failed], [failed]) for line in look) <= 400
