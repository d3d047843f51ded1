"""The stages before TRELLIS: words to a picture, and the picture to its object, cut out and centred."""

from dataclasses import dataclass, replace
from typing import Any

from trellis_assets.adapters.generation.picture.background import Cutter, Picture, cut_out, load_cutter
from trellis_assets.adapters.generation.picture.centring import centred
from trellis_assets.adapters.generation.picture.memory import Between, MemoryPlan
from trellis_assets.adapters.generation.picture.text_to_image import load_text_to_image, make_picture
from trellis_assets.adapters.generation.trellis.trial import ignore_progress
from trellis_assets.adapters.gpu.memory import release_memory
from trellis_assets.adapters.prompt_images import PromptImageError, decode_prompt_image
from trellis_assets.adapters.weights.revisions import Revisions
from trellis_assets.domain.generation_requests import GenerationRequest
from trellis_assets.domain.picture_route import CutSettings, PictureSettings
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import PromptRefusedError, Watch

# One step of it is a pattern of noise, which is enough to see that everything computes.
TRIAL = GenerationRequest("a chair", TaskKind.TEXT, 0)
TRIAL_SIDE = 256


@dataclass(frozen=True, slots=True)
class Pictures:
    """What TRELLIS was given, and what it was cut from; (H, W, 4) RGBA each."""

    picture: Picture
    cut: Picture


class PictureStages:
    """The two models that come before TRELLIS, each loaded when it is first wanted."""

    def __init__(self, picture: PictureSettings, cut: CutSettings, device: str, revisions: Revisions) -> None:
        """Load nothing yet; `revisions` says which commit each repository is loaded at."""
        self.settings, self.cut_settings, self._device = picture, cut, device
        self._revisions = revisions
        self._pipeline: Any = None
        self._cutter: Cutter | None = None

    @property
    def loaded(self) -> tuple[str, ...]:
        """Return the models that are loaded."""
        cut = self.cut_settings
        named = f"cut: {cut.method} {cut.model}".rstrip()
        held = ((self._pipeline, f"picture: {self.settings.model}"), (self._cutter, named))
        return tuple(name for model, name in held if model is not None)

    def run(self, request: GenerationRequest, plan: MemoryPlan, watch: Watch) -> Pictures:
        """Return the request's picture and its cut. Afterwards both models are where the plan says.

        Raises:
            GenerationError: a model cannot be loaded.
            PromptRefusedError: nothing came of the prompt that TRELLIS could work with.
            GenerationStoppedError: `watch` called it off.
        """
        return self._cut(self._draw(request, plan, watch), plan, watch)

    def cut_prompt(self, request: GenerationRequest, plan: MemoryPlan, watch: Watch) -> Pictures:
        """Return the request's own picture and its cut; otherwise as `run`."""
        try:
            picture = decode_prompt_image(request.prompt)
        except PromptImageError as error:
            raise PromptRefusedError(str(error)) from error
        return self._cut(picture, plan, watch)

    def load(self, plan: MemoryPlan) -> None:
        """Load both models, and make a small picture: what does not fit shows before the first task.

        Raises:
            GenerationError: a model cannot be loaded.
        """
        trial = replace(self.settings, steps=1, width=TRIAL_SIDE, height=TRIAL_SIDE)
        try:
            picture = make_picture(self._load_pipeline(plan), TRIAL, trial, ignore_progress)
        finally:
            self._leave_pipeline(plan)
        try:
            self._load_cutter().alpha(picture)
        finally:
            self._leave_cutter(plan)

    def unload(self) -> None:
        """Let go of both models."""
        self._pipeline = self._cutter = None
        release_memory()

    def _draw(self, request: GenerationRequest, plan: MemoryPlan, watch: Watch) -> Picture:
        watch("loading the picture model", 0.0)
        try:
            return make_picture(self._load_pipeline(plan), request, self.settings, watch)
        finally:
            self._leave_pipeline(plan)

    def _cut(self, picture: Picture, plan: MemoryPlan, watch: Watch) -> Pictures:
        watch("cutting", 0.0)
        try:
            return Pictures(picture, centred(cut_out(picture, self._load_cutter())))
        finally:
            self._leave_cutter(plan)

    def _load_pipeline(self, plan: MemoryPlan) -> Any:
        if self._pipeline is None:
            self._pipeline = load_text_to_image(self.settings, self._device, plan.offload, self._revisions)
        return self._pipeline

    def _leave_pipeline(self, plan: MemoryPlan) -> None:
        if plan.picture is not Between.STAYS:
            self._pipeline = None
            release_memory()

    def _load_cutter(self) -> Cutter:
        if self._cutter is None:
            self._cutter = load_cutter(self.cut_settings, self._device, self._revisions)
        self._cutter.to(self._device)
        return self._cutter

    def _leave_cutter(self, plan: MemoryPlan) -> None:
        if plan.cut is Between.STAYS or self._cutter is None:
            return
        if plan.cut is Between.PARKED:
            self._cutter.to("cpu")
        else:
            self._cutter = None
        release_memory()
