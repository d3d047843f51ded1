"""Fakes for tests of candidates: a generator that notes what it makes, and scores given in advance."""

import os
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from trellis_assets.domain.endpoints.endpoints import Probe
from trellis_assets.domain.generation_requests import ENDPOINTS_OWN, Route, Sampling
from trellis_assets.domain.learning.candidate_rules import CandidateRule
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.tasks import Task, TaskKind
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.ports import ValidationUnavailableError
from trellis_assets.testing.fakes import a_verdict
from trellis_assets.testing.splats import a_ball


@dataclass
class NotingGenerator:
    """Makes a ball of each seed, and notes the order.

    Attributes:
        endpoints: names.
        collapsed: numbers of the calls, from 0, whose models have no visible splat.
        dies_at: number of the call at which the process kills itself.
        before: called with each call's number before it makes anything.
        made: seed and endpoint of each call.
    """

    endpoints: Sequence[str] = ("one",)
    collapsed: Sequence[int] = ()
    dies_at: int | None = None
    before: Callable[[int], None] = lambda _: None
    made: list[tuple[int, str]] = field(default_factory=list)
    name: str = "noting 1"
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def probe(self) -> Sequence[Probe]:
        """Return nothing: it is not probed."""
        return ()

    def supports(self, kind: TaskKind) -> bool:  # noqa: ARG002 - the port's
        """Return True."""
        return True

    def generate(
        self,
        prompt: str,  # noqa: ARG002 - the port's
        *,
        kind: TaskKind,  # noqa: ARG002 - the port's
        seed: int,
        endpoint: str,
        sampling: Sampling = ENDPOINTS_OWN,  # noqa: ARG002 - the port's
        route: Route | None = None,  # noqa: ARG002 - the port's
    ) -> GaussianSplats:
        """Return a ball whose size follows from the seed."""
        with self._lock:
            number = len(self.made)
            self.made.append((seed, endpoint))
        if number == self.dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.before(number)
        ball = a_ball(7000, extent=0.5 + seed % 1000 / 4000)
        if number not in self.collapsed:
            return ball
        return replace(ball, opacity_logits=np.full(len(ball), -9.2, np.float32))


@dataclass
class ScoredInAdvance:
    """A local validator that gives these scores in order; None stands for being unavailable."""

    scores: list[float | None]
    asked: int = 0
    name: str = "in advance 1"

    def validate(self, spz: bytes, *, prompt: str, kind: TaskKind) -> Verdict:  # noqa: ARG002 - the port's
        """Return the next score."""
        score = self.scores[self.asked]
        self.asked += 1
        if score is None:
            raise ValidationUnavailableError("down")
        return a_verdict(score)


@dataclass(frozen=True)
class OneRule:
    """The same rule for every task."""

    rule: CandidateRule

    def for_task(self, task: Task) -> CandidateRule:  # noqa: ARG002 - the protocol's
        """Return the rule."""
        return self.rule
