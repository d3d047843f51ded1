"""What recorded tasks teach, read and computed at most once for a report."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from trellis_assets.domain.learning.recorded import RecordedCandidate
from trellis_assets.ports import ReportQueries

if TYPE_CHECKING:
    # These import scipy, which only pages of what is learnt need.
    from trellis_assets.domain.learning.beliefs import Beliefs
    from trellis_assets.domain.learning.failures import FailingGroup
    from trellis_assets.domain.learning.gain import Gain
    from trellis_assets.domain.learning.learnt_acceptance import CalibrationBin, ValidatorAcceptance
    from trellis_assets.domain.learning.learnt_recipes import RecipeScores
    from trellis_assets.domain.learning.recipe_experiment import RecipeExperiment
    from trellis_assets.domain.learning.settled_tasks import Record, SettledTask

# As many as decisions rest on.
NEWEST = 2_000


class LearntPeriod:
    """What was learnt until the end of a span of time, of the newest 2,000 rows.

    Attributes:
        start, end: aware UTC; `end` is excluded.
    """

    def __init__(self, ledger: ReportQueries, start: datetime, end: datetime) -> None:
        self.ledger, self.start, self.end = ledger, start, end

    @cached_property
    def settled(self) -> "list[SettledTask]":
        """The newest settled tasks that have a model."""
        return self.ledger.learning.settled(self.end, NEWEST)

    @cached_property
    def candidates(self) -> list[RecordedCandidate]:
        """The newest candidates."""
        return self.ledger.learning.candidates(self.end, NEWEST)

    @cached_property
    def known(self) -> "tuple[Record, Beliefs] | None":
        """The evidence, and what follows from it; None without tasks."""
        from trellis_assets.domain.learning.learnt_acceptance import beliefs_of

        gpus = len({each.endpoint for each in self.candidates})
        return beliefs_of(self.settled, gpus=max(1, gpus), now_s=self.end.timestamp())

    @cached_property
    def acceptance(self) -> "list[ValidatorAcceptance]":
        """What each validator accepts."""
        from trellis_assets.domain.learning.learnt_acceptance import acceptance_table

        return acceptance_table(self.settled, *self.known) if self.known is not None else []

    @cached_property
    def calibration(self) -> "list[CalibrationBin]":
        """How well acceptance is predicted."""
        from trellis_assets.domain.learning.learnt_acceptance import calibration

        return calibration(self.known[0].evidence.answers) if self.known is not None else []

    @cached_property
    def recipes(self) -> "list[RecipeScores]":
        """What recipes score."""
        from trellis_assets.domain.learning.learnt_recipes import recipe_table

        return recipe_table(self.candidates, self.known)

    @cached_property
    def experiments(self) -> "list[RecipeExperiment]":
        """Recipes compared with the one that has most candidates."""
        from trellis_assets.domain.learning.recipe_experiment import comparisons

        return comparisons(self.candidates)

    @property
    def experiment_rows(self) -> Sequence[Mapping[str, Any]]:
        """The comparisons with their estimates in words; an interval that is not known is left out."""
        rows = []
        for found in self.experiments:
            estimate = found.estimate
            known = math.isfinite(estimate.low)
            rows.append(
                {
                    "first": found.first,
                    "second": found.second,
                    "method": found.method,
                    "difference": estimate.difference,
                    "low": estimate.low if known else None,
                    "high": estimate.high if known else None,
                    "tasks": estimate.tasks,
                    "still_needed": estimate.still_needed,
                    "told": found.told,
                }
            )
        return rows

    @cached_property
    def gain(self) -> "Gain":
        """The gain over the control share."""
        from trellis_assets.domain.learning.gain import gain_of

        return gain_of(self.ledger.learning.policies(self.end, NEWEST))

    @property
    def gain_rows(self) -> Sequence[Mapping[str, Any]]:
        """The control share and the policy, each with its interval; without tasks of either: nothing."""
        from trellis_assets.domain.learning.experiments import wilson

        groups = {"control share": self.gain.control, "policy": self.gain.treated}
        return [
            {
                "mined_by": name,
                "accepted": accepted,
                "tasks": tasks,
                "share": accepted / tasks,
                "low": wilson(accepted, tasks)[0],
                "high": wilson(accepted, tasks)[1],
                "told": self.gain.told,
            }
            for name, (accepted, tasks) in groups.items()
            if tasks
        ]

    @cached_property
    def failing(self) -> "list[FailingGroup]":
        """What fails."""
        from trellis_assets.domain.learning.failures import failing_groups

        return failing_groups(self.ledger.learning.models(self.end, NEWEST))
