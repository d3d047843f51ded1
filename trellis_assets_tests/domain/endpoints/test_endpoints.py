"""What an endpoint's record keeps of its generations."""

from trellis_assets.domain.endpoints.breaker import Outcome
from trellis_assets.domain.endpoints.endpoints import PACE_OVER
from trellis_assets.testing.fakes import NOW
from trellis_assets_tests.domain.endpoints.records import FAILED, MADE, after


def test_counts_pace_and_the_last_error_are_kept() -> None:
    endpoint = after(MADE, FAILED, Outcome(6.0), Outcome(900.0, "timed out"), Outcome(5.0))
    assert (endpoint.generations, endpoint.failures, endpoint.generation_s) == (3, 2, 15.0)
    assert (endpoint.pace_s, endpoint.last_error) == (5.0, "timed out")
    assert (endpoint.last_failed_at, endpoint.last_succeeded_at) == (NOW, NOW)
    assert after(*[Outcome(1.0)] * PACE_OVER, endpoint=endpoint).recent_s == (1.0,) * PACE_OVER
