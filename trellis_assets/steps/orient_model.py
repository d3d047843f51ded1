"""Turn a generated model head up: as set, as its server says, or as judging each way up shows."""

from collections.abc import Mapping
from dataclasses import dataclass

from trellis_assets.domain.endpoints.orientation import Orientation
from trellis_assets.domain.splats.axes import turned
from trellis_assets.domain.splats.preparation import prepare_for_submission
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.tasks import Task
from trellis_assets.observability.audit_log import audit
from trellis_assets.ports import (
    Clock,
    DeclaresOrientation,
    EndpointRepository,
    LocalValidator,
    SplatCodec,
    ValidationUnavailableError,
)

# A score that knows nothing of the prompt does not know up from down either.
_KNOWS_THE_PROMPT = "alignment"


@dataclass(frozen=True, slots=True)
class OrientModelStep:
    """Find out and apply the orientation of endpoints.

    Attributes:
        chosen: by endpoint, what the settings say; None means found out.
        validator: judges the first models of an endpoint each way up; None where models are not judged.
    """

    endpoints: EndpointRepository
    codec: SplatCodec
    server: DeclaresOrientation
    validator: LocalValidator | None
    clock: Clock
    chosen: Mapping[str, Orientation | None]

    def run(self, task: Task, endpoint: str, splats: GaussianSplats) -> GaussianSplats:
        """Return the model with +Y up, as far as is known."""
        orientation = self.chosen.get(endpoint) or self._found(task, endpoint, splats)
        if orientation is not Orientation.AS_IS:
            audit("model turned", task=task, endpoint=endpoint, orientation=str(orientation))
        return turned(splats, orientation)

    def _found(self, task: Task, endpoint: str, splats: GaussianSplats) -> Orientation:
        declared, is_certain = self.server.declared_orientation(endpoint)
        if is_certain:
            return declared
        trials = self.endpoints.named([endpoint])[0].orientation_trials
        if trials.decided is not None:
            return trials.decided
        scores = None if trials.is_over else self._scores(task, splats)
        if scores is None:
            return trials.best_guess() if trials.count else declared
        trials = self.endpoints.record_orientation(endpoint, scores)
        audit("orientation judged", task=task, endpoint=endpoint, found=trials.describe())
        return trials.decided or max(scores, key=lambda way: (scores[way], way is declared))

    def _scores(self, task: Task, splats: GaussianSplats) -> Mapping[Orientation, float] | None:
        """Return the local score each way up; None where no validator knows up from down."""
        if self.validator is None:
            return None
        scores = {}
        for way in Orientation:
            model = prepare_for_submission(turned(splats, way)).splats
            if len(model) == 0:
                return None
            try:
                spz = self.codec.encode_spz(model)
                verdict = self.validator.validate(spz, prompt=task.prompt, kind=task.kind)
            except (ValueError, ValidationUnavailableError):
                return None  # the next steps meet the same, and say it
            if verdict.failed_checks or _KNOWS_THE_PROMPT not in verdict.parts:
                return None
            scores[way] = verdict.score
        return scores
