"""The picture route: words to a picture, to its object, to a model by TRELLIS's image pipeline."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from trellis_assets.adapters.generation.picture.memory import (
    Between,
    MemoryPlan,
    free_memory,
    plan_for,
)
from trellis_assets.adapters.generation.picture.picture_cache import REQUESTS, PictureCache, png_file
from trellis_assets.adapters.generation.picture.stages import Pictures, PictureStages
from trellis_assets.adapters.generation.trellis.backend import TrellisBackend
from trellis_assets.domain.generation_requests import BackendState, GenerationRequest, PictureKind, Route
from trellis_assets.domain.generation_settings import UsedSettings
from trellis_assets.domain.picture_route import Background, MemoryProfile
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import Watch
from trellis_assets.system.bounded_cache import BoundedCache


class PictureBackend:
    """TRELLIS with the picture route before it; words by the direct route go to it unchanged.

    Picture prompts are cut out here if a network for it was named, and by TRELLIS itself if not.
    """

    def __init__(
        self,
        trellis: TrellisBackend,
        stages: PictureStages,
        *,
        profile: MemoryProfile,
        device: str,
        default_route: Route,
    ) -> None:
        """Load nothing yet. `trellis` must have an image model."""
        self._trellis, self._stages = trellis, stages
        self._profile, self._device = profile, device
        self._plan: MemoryPlan | None = None
        self._kept = PictureCache()
        self._used: BoundedCache[str, UsedSettings] = BoundedCache(REQUESTS)
        self.default_route = default_route

    @property
    def name(self) -> str:
        """Return backend and version."""
        return self._trellis.name

    @property
    def kinds(self) -> frozenset[TaskKind]:
        """Return the kinds of prompts: words too, whether TRELLIS has a text model or not."""
        return self._trellis.kinds | {TaskKind.TEXT}

    @property
    def routes(self) -> frozenset[Route]:
        """Return the routes that words can take."""
        direct = {Route.DIRECT} if TaskKind.TEXT in self._trellis.kinds else set()
        return frozenset(direct | {Route.PICTURE})

    @property
    def plan(self) -> MemoryPlan:
        """Return where the models are; measured once, before anything is loaded."""
        if self._plan is None:
            self._plan = plan_for(self._profile, free_memory(self._device))
        return self._plan

    def load(self) -> None:
        """Load all three stages, each as the memory plan leaves it.

        Raises:
            GenerationError: one cannot be loaded.
        """
        self._stages.load(self.plan)
        self._make_room()
        self._trellis.load()

    def generate(self, request: GenerationRequest, watch: Watch) -> GaussianSplats:
        """Return the model, +Y up.

        Raises:
            GenerationError: transient when the GPU's memory was full or the GPU failed (everything is
                unloaded then); lasting when it fails again, or when packages or weights are missing.
            PromptRefusedError: nothing came of the prompt.
            GenerationStoppedError: `watch` called it off.
        """
        made_by = self._picture_of(request)
        if made_by is None:
            return self._trellis.generate(request, watch)
        self._make_room()
        try:
            made = made_by(request, self.plan, watch)
        except RuntimeError as error:
            if (fault := self._trellis.gpu_fault(error)) is None:
                raise
        else:
            self._kept.keep(request, made)
            cut = b64encode(png_file(made.cut)).decode("ascii")
            inner = replace(request, prompt=cut, kind=TaskKind.IMAGE)
            splats = self._trellis.generate(inner, watch)
            self._note_settings(request, self._trellis.used_settings(inner))
            return splats
        # Outside the handler: the traceback holds the tensors that fill the memory.
        self.unload()
        raise fault

    def used_settings(self, request: GenerationRequest) -> UsedSettings | None:
        """Return what the request's model was made with; None where that is forgotten."""
        return self._used.get(request.model_id) or self._trellis.used_settings(request)

    def _note_settings(self, request: GenerationRequest, used: UsedSettings | None) -> None:
        """Remember what TRELLIS used, with what the picture of words was made with."""
        if used is None:
            return
        if request.kind is TaskKind.TEXT:
            asked = request.sampling.image_guidance
            guidance = self._stages.settings.guidance if asked is None else asked
            used = replace(
                used, sampling=replace(used.sampling, image_guidance=guidance), route=Route.PICTURE
            )
        self._used.keep(request.model_id, used)

    def state(self) -> BackendState:
        """Return what is loaded of all three stages."""
        trellis = self._trellis.state()
        return replace(trellis, models_loaded=(*self._stages.loaded, *trellis.models_loaded))

    def unload(self) -> None:
        """Unload all three stages."""
        self._stages.unload()
        self._trellis.unload()

    def pictures(self, model_id: str) -> Mapping[PictureKind, bytes]:
        """Return the PNG files that a model was made from; none where they are gone."""
        return self._kept.get(model_id)

    def describe(self) -> dict[str, Any]:
        """Return the route's settings and where its models are, for `/config/`."""
        return {
            "routes": sorted(self.routes),
            "default_route": self.default_route,
            "picture": asdict(self._stages.settings),
            "cut": asdict(self._stages.cut_settings),
            "memory": {"profile": self._profile, **asdict(self.plan)},
        }

    def _picture_of(
        self, request: GenerationRequest
    ) -> Callable[[GenerationRequest, MemoryPlan, Watch], Pictures] | None:
        """Return the function that makes TRELLIS's picture; None where TRELLIS takes the request as it is."""
        if request.kind is TaskKind.IMAGE:
            # A white background is no reason to go without TRELLIS's own network.
            is_network = self._stages.cut_settings.method is not Background.WHITE
            return self._stages.cut_prompt if is_network else None
        return self._stages.run if (request.route or self.default_route) is Route.PICTURE else None

    def _make_room(self) -> None:
        """Free the memory that TRELLIS holds, as far as the plan says."""
        if self.plan.trellis is Between.PARKED:
            self._trellis.park()
        elif self.plan.trellis is Between.UNLOADED:
            self._trellis.unload()
