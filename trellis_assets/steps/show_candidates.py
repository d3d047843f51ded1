"""Show a task's candidates: a picture of each with its score, and the decisions about them."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trellis_assets.domain.candidates import StoredCandidate, describe_candidate, describe_decision
from trellis_assets.domain.tasks import Task
from trellis_assets.observability.audit_log import audit
from trellis_assets.ports import (
    CandidateRepository,
    DecisionRepository,
    FileStore,
    StoredFileError,
    StoreError,
)


@dataclass(frozen=True, slots=True)
class ShownCandidates:
    """A task's candidates for its run's page.

    Attributes:
        picture: WebP, the candidates side by side in the order of their lines; None with less than two.
        drawn: numbers of the candidates in it.
        lines: one about each candidate, drawn or not.
        decisions: one line about each, in order.
    """

    picture: bytes | None
    drawn: Sequence[int]
    lines: Sequence[str]
    decisions: Sequence[str]


@dataclass(frozen=True, slots=True)
class ShowCandidatesStep:
    """Draw a task's candidates.

    Attributes:
        draw: an SPZ file in, a WebP picture out; ValueError where there is nothing to see.
        join: WebP files in, one WebP file of them side by side out.
    """

    candidates: CandidateRepository
    decisions: DecisionRepository
    files: FileStore
    draw: Callable[[bytes], bytes]
    join: Callable[[Sequence[bytes]], bytes]

    def run(self, task: Task) -> ShownCandidates | None:
        """Return the task's candidates; None where it has none, or they cannot be read now."""
        try:
            made = self.candidates.of_task(task.key)
            decided = self.decisions.of_task(task.key)
        except StoreError as error:
            audit("candidates not shown", task=task, level=logging.WARNING, reason=str(error))
            return None
        if not made and not decided:
            return None
        found = [(each.number, picture) for each in made if (picture := self._picture(task, each))]
        has_several = len(made) > 1 and len(found) > 0
        return ShownCandidates(
            picture=self.join([picture for _, picture in found]) if has_several else None,
            drawn=[number for number, _ in found] if has_several else [],
            lines=[describe_candidate(each) for each in made],
            decisions=[describe_decision(each) for each in decided],
        )

    def _picture(self, task: Task, candidate: StoredCandidate) -> bytes | None:
        if candidate.spz is None or not candidate.is_usable:
            return None
        try:
            return self.files.derived(candidate.spz, "webp", self.draw)
        except (StoredFileError, StoreError, ValueError) as error:
            audit("candidate not drawn", task=task, level=logging.WARNING, reason=str(error))
            return None
