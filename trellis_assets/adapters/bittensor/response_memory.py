"""How much memory the answers of all validators may take together while they arrive."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from trellis_assets.adapters.http_client.response import ResponseReader

# Three of the largest pictures at once.
MOST_BYTES = 48 * 1024 * 1024
# Answers up to this size are not counted: 256 validators with 64 KiB each hold 16 MiB.
SMALL_BYTES = 64 * 1024
PATIENCE_S = 1.0
_LOOK_S = 0.02


class AnswerInArrival:
    """One answer that arrives.

    Attributes:
        is_dropped: its memory was taken for others; what arrived is gone.
    """

    def __init__(self, reader: ResponseReader, memory: "AnswerMemory") -> None:
        self._reader, self._memory = reader, memory
        self.since, self.is_dropped = time.monotonic(), False

    @property
    def counted_bytes(self) -> int:
        """Return how many bytes it takes of the common memory."""
        size = len(self._reader.body)
        return size if size > SMALL_BYTES else 0

    def drop(self) -> None:
        """Give its memory back at once."""
        self.is_dropped = True
        self._reader.body.clear()

    async def wait_for_room(self, more: int) -> None:
        """Return when there is room for `more` bytes, or when this answer was dropped.

        A peer that is not read from cannot send more. After `PATIENCE_S` the oldest large answer is dropped,
        so that peers that send slowly on purpose cannot keep the memory.
        """
        patient_until = time.monotonic() + PATIENCE_S
        while not self.is_dropped and not self._memory.has_room(more):
            if time.monotonic() > patient_until:
                self._memory.drop_oldest()
            else:
                await asyncio.sleep(_LOOK_S)


class AnswerMemory:
    """The memory that answers share."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._arriving: set[AnswerInArrival] = set()

    @contextmanager
    def holder(self, reader: ResponseReader) -> Iterator[AnswerInArrival]:
        """Count what the reader holds, until the end of the block."""
        answer = AnswerInArrival(reader, self)
        self._arriving.add(answer)
        try:
            yield answer
        finally:
            self._arriving.discard(answer)

    def has_room(self, more: int) -> bool:
        """Return whether so many more bytes may arrive; always True while no answer is large."""
        held = sum(answer.counted_bytes for answer in tuple(self._arriving))
        return held == 0 or held + more <= self._most_bytes

    def drop_oldest(self) -> None:
        """Drop the large answer that has been arriving for longest."""
        large = [answer for answer in tuple(self._arriving) if answer.counted_bytes]
        if large:
            min(large, key=lambda answer: answer.since).drop()
