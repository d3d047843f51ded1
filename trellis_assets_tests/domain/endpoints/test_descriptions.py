"""What people read of endpoints: why nothing is generated, and until when one rests."""

import re
from datetime import timedelta

from trellis_assets.domain.endpoints.descriptions import (
    describe_endpoint,
    why_none_is_ready,
    why_none_takes_work,
)
from trellis_assets.domain.endpoints.endpoints import Endpoint
from trellis_assets.testing.fakes import NOW
from trellis_assets_tests.domain.endpoints.records import FAILED, REFUSED, UNREACHABLE, WELL, after


def test_why_nothing_can_be_generated_is_said_only_when_all_are_out() -> None:
    resting, away = after(*[FAILED] * 3), after(UNREACHABLE, endpoint=Endpoint("other"))
    text = why_none_takes_work([resting, away], NOW) or ""
    assert re.search(r"gpu is resting until \d\d:\d\d:\d\d UTC, 3 failures in a row: answered 500", text)
    assert "other is unreachable, 1 failure in a row: cannot be reached" in text
    assert why_none_takes_work([resting, Endpoint("well")], NOW) is None
    assert why_none_takes_work([resting], NOW + timedelta(seconds=61)) is None, "one may try it"


def test_no_endpoint_is_ready_only_where_none_answers() -> None:
    assert "cannot be reached" in (why_none_is_ready([REFUSED]) or "")
    assert why_none_is_ready([REFUSED, WELL]) is None


def test_a_closed_breaker_reads_as_working_and_not_as_shut() -> None:
    assert describe_endpoint(Endpoint("gpu"), NOW) == "gpu is working"
    assert describe_endpoint(after(FAILED), NOW) == "gpu is working, 1 failure in a row: answered 500"
