"""TRELLIS in process: text or a picture to 3D Gaussian splats, on one GPU."""

from collections.abc import Mapping
from threading import Lock
from typing import Any

from trellis_assets.adapters.generation.picture.centring import require_object
from trellis_assets.adapters.generation.trellis.conversion import splats_of
from trellis_assets.adapters.generation.trellis.faults import gpu_fault, is_gpu_fault
from trellis_assets.adapters.generation.trellis.loading import load_background_removal, load_pipeline
from trellis_assets.adapters.generation.trellis.progress import watched
from trellis_assets.adapters.generation.trellis.sampling import sampler_settings, used_settings
from trellis_assets.adapters.generation.trellis.trial import ignore_progress, trial_request
from trellis_assets.adapters.gpu.card_lock import card_lock
from trellis_assets.adapters.gpu.memory import memory_of, release_memory
from trellis_assets.adapters.prompt_images import PromptImageError, decode_prompt_image
from trellis_assets.adapters.weights.revisions import Revisions
from trellis_assets.domain.generation_requests import (
    BackendState,
    GenerationRequest,
    GenerationStoppedError,
)
from trellis_assets.domain.generation_settings import UsedSettings
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import GenerationError, PromptRefusedError, Watch
from trellis_assets.system.bounded_cache import BoundedCache

# Twice as many as the server's result cache has models.
_REMEMBERED = 16


class TrellisBackend:
    """`TrellisTextTo3DPipeline` and `TrellisImageTo3DPipeline`, each loaded at its first request."""

    def __init__(
        self,
        *,
        models: Mapping[TaskKind, str],
        revisions: Revisions,
        model_revisions: Mapping[TaskKind, str | None] | None = None,
        device: str = "cuda:0",
        removes_background: bool = True,
    ) -> None:
        """Load nothing yet.

        Args:
            models: folder or hub name of the weights by kind of prompt; kinds left out are not taken.
            revisions: says which commit each repository is loaded at.
            model_revisions: commit, tag or branch of each model's repository, where a setting names one.
            device: as torch names it. TRELLIS itself works on the process's current GPU: give the
                process only the one that it is to use (`adapters.gpu.devices.give_one_gpu`).
            removes_background: opaque pictures are cut out here, by rembg.
        """
        self._models, self._device = dict(models), device
        self._revisions, self._model_revisions = revisions, dict(model_revisions or {})
        self._removes_background = removes_background
        self._has_failed = False
        self._pipelines: dict[TaskKind, Any] = {}
        self._parked: set[TaskKind] = set()
        self._lock = Lock()
        self._used: BoundedCache[str, UsedSettings] = BoundedCache(_REMEMBERED)

    @property
    def name(self) -> str:
        """Return backend and version."""
        return "trellis 1"

    @property
    def kinds(self) -> frozenset[TaskKind]:
        """Return the kinds of prompts that weights were named for."""
        return frozenset(self._models)

    def generate(self, request: GenerationRequest, watch: Watch) -> GaussianSplats:
        """Return the model. Equal requests give nearly equal models: spconv adds in no fixed order.

        Raises:
            PromptRefusedError: nothing came of the prompt, or the picture shows nothing.
            GenerationError: transient when the GPU's memory was full or the GPU failed (everything is
                unloaded then); lasting when it fails again, or when package or weights are missing.
            GenerationStoppedError: called off; at the latest one step of a sampler later.
        """
        watch("loading", 0.0)
        try:
            import torch

            with card_lock(self._device), torch.inference_mode():
                splats = self._generate(request, watch)
        except ModuleNotFoundError as error:
            raise GenerationError(f"TRELLIS needs the package {error.name}", is_transient=False) from error
        except RuntimeError as error:
            if (fault := self.gpu_fault(error)) is None:
                raise
        else:
            self._has_failed = False
            return splats
        # Outside the handler: the traceback holds the tensors that fill the memory.
        self.unload()
        raise fault

    def load(self) -> None:
        """Load the pipelines, and make a small model with each: kernels that do not fit show only then.

        Raises:
            GenerationError: with what to do; transient where it may pass by itself.
        """
        for kind in self._models:
            self._pipeline(kind)
            if kind is TaskKind.IMAGE and self._removes_background:
                load_background_removal(self._pipelines[kind])
            try:
                self.generate(trial_request(kind), ignore_progress)
            except PromptRefusedError:
                continue  # so few steps may well come to nothing

    def gpu_fault(self, error: RuntimeError) -> GenerationError | None:
        """Return the fault of the GPU that the error tells of, here or in a stage before; None if of none."""
        import torch

        if isinstance(error, GenerationError | GenerationStoppedError) or not _is_of_gpu(error):
            return None
        if isinstance(error, torch.cuda.OutOfMemoryError):
            reason = f"the GPU's memory is full: {str(error).splitlines()[0]}"
            return GenerationError(reason, is_transient=True)
        fault = gpu_fault(error, is_repeated=self._has_failed)
        self._has_failed = True
        return fault

    def used_settings(self, request: GenerationRequest) -> UsedSettings | None:
        """Return what the request's model was made with; None where that is forgotten."""
        return self._used.get(request.model_id)

    def state(self) -> BackendState:
        """Return what is loaded, and the memory of the device where it is a GPU that was used."""
        loaded = tuple(f"{kind}: {self._models[kind]}" for kind in list(self._pipelines))
        return BackendState(loaded, memory_of(self._device) if loaded else None)

    def unload(self) -> None:
        """Unload all weights, and give their memory back to the device."""
        with self._lock:
            self._pipelines.clear()
            self._parked.clear()
        release_memory()

    def park(self) -> None:
        """Move the pipelines to main memory; the next request moves its own back."""
        with self._lock:
            for pipeline in self._pipelines.values():
                pipeline.to("cpu")
            self._parked = set(self._pipelines)
        release_memory()

    def _generate(self, request: GenerationRequest, watch: Watch) -> GaussianSplats:
        import torch

        pipeline = self._pipeline(request.kind)
        watch("reading the prompt", 0.0)
        condition = pipeline.get_cond([_prompt_for(pipeline, request)])
        torch.manual_seed(request.seed)
        structure, latent = sampler_settings(pipeline, request)
        self._used.keep(request.model_id, used_settings(pipeline, request, structure, latent))
        with watched(pipeline.models["sparse_structure_flow_model"], "structure", structure, watch):
            coords = pipeline.sample_sparse_structure(condition, 1, structure)
        if len(coords) == 0:
            raise PromptRefusedError("nothing came of the prompt: the structure is empty")
        with watched(pipeline.models["slat_flow_model"], "appearance", latent, watch):
            slat = pipeline.sample_slat(condition, coords, latent)
        watch("decoding", 1.0)
        return splats_of(pipeline.decode_slat(slat, ["gaussian"])["gaussian"][0])

    def _pipeline(self, kind: TaskKind) -> Any:
        with self._lock:
            if kind not in self._pipelines:
                self._pipelines[kind] = load_pipeline(
                    kind,
                    self._models[kind],
                    self._device,
                    revision=self._model_revisions.get(kind),
                    revisions=self._revisions,
                )
            elif kind in self._parked:
                self._pipelines[kind].to(self._device)
            self._parked.discard(kind)
            return self._pipelines[kind]


def _prompt_for(pipeline: Any, request: GenerationRequest) -> Any:
    if request.kind is TaskKind.TEXT:
        return request.prompt
    from PIL import Image

    try:
        pixels = decode_prompt_image(request.prompt)
    except PromptImageError as error:
        raise PromptRefusedError(str(error)) from error
    require_object(pixels)
    # Cuts the object out (rembg, unless the picture is transparent already) and centres it.
    try:
        return pipeline.preprocess_image(Image.fromarray(pixels))
    except ValueError as error:
        # The box of no pixel at all: the network found no object either.
        raise PromptRefusedError("the picture shows no object that can be cut out") from error


def _is_of_gpu(error: RuntimeError) -> bool:
    import torch

    return isinstance(error, torch.cuda.OutOfMemoryError) or is_gpu_fault(error)
