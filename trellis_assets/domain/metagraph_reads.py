"""Reads of the metagraph: how the last ones went, and when the next one may be tried."""

from dataclasses import dataclass
from datetime import datetime

from trellis_assets.domain.backoff import BackoffPolicy

# A failing chain is read less and less; after a success at its usual interval at once.
CHAIN_BACKOFF = BackoffPolicy.of_seconds(30, 60, 120, 300, 600)
# A file is cheap to read, and is often about to be written.
FILE_BACKOFF = BackoffPolicy.of_seconds(2, 5, 10, 30)


@dataclass(frozen=True, slots=True)
class MetagraphRead:
    """What the store knows of reads from one source.

    Attributes:
        source: the network, and the subnet's number on a chain.
        is_current: whether the stored list is this source's; False where another one's was stored since.
        read_at: the last success.
        failures: in a row since then.
        next_read_at: not before, after a failure.
        reason: of the last failure, with what to do.
    """

    source: str
    is_current: bool = True
    read_at: datetime | None = None
    failures: int = 0
    next_read_at: datetime | None = None
    reason: str | None = None
