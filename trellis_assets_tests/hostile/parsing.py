"""What must hold of the parser whatever bytes come: used by the property tests and by the fuzzer."""

from datetime import UTC, datetime

from trellis_assets.adapters.bittensor.messages import HttpAnswer
from trellis_assets.adapters.bittensor.responses import read_pull, read_submission
from trellis_assets.adapters.http_client.response import (
    MalformedResponseError,
    ResponseBounds,
    ResponseReader,
)
from trellis_assets.domain.submissions import SubmissionKind

BOUNDS = ResponseBounds(body=2000, head=1000, headers=20, framing=200)
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def read(data: bytes, piece: int) -> HttpAnswer | None:
    """Return the response that is fed in pieces of this size; None if it is refused.

    Whatever the bytes are: nothing but the named error is raised, and no bound is exceeded.
    """
    reader = ResponseReader(BOUNDS)
    try:
        for start in range(0, len(data), piece):
            reader.feed(data[start : start + piece])
            assert len(reader.body) <= BOUNDS.body
            assert len(reader.headers) <= BOUNDS.headers
            if reader.is_complete:
                break
        reader.end()
    except MalformedResponseError as error:
        assert str(error).isprintable()
        assert len(str(error)) < 200
        assert not reader.body or not reader.is_complete
        return None
    date = reader.date
    assert date is None or date.tzinfo is UTC
    assert 200 <= reader.status <= 999
    return HttpAnswer(reader.status, reader.close(), date, 0.1)


def read_all_ways(data: bytes, piece: int) -> None:
    """Parse the bytes, and what they hold as either answer: never an exception."""
    answer = read(data, piece)
    if answer is not None:
        read_pull(answer, NOW)
        read_submission(answer, SubmissionKind.RESULT, NOW)
