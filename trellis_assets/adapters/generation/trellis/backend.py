"""TRELLIS in process: text or a picture to 3D Gaussian splats, on one GPU."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any

from trellis_assets.adapters.generation.trellis.conversion import splats_of
from trellis_assets.adapters.generation.trellis.loading import load_pipeline
from trellis_assets.adapters.generation.trellis.sampling import sampler_settings
from trellis_assets.adapters.gpu_memory import release_memory
from trellis_assets.adapters.prompt_images import PromptImageError, decode_prompt_image
from trellis_assets.domain.orders import BackendState, GpuMemory, Order
from trellis_assets.domain.splats import GaussianSplats
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import GenerationError, Watch

# Guidance asks each sampler's model twice a step, with and without the prompt.
_CALLS_PER_STEP = 2


class TrellisBackend:
    """`TrellisTextTo3DPipeline` and `TrellisImageTo3DPipeline`, each loaded at its first order."""

    def __init__(self, *, models: Mapping[TaskKind, str], device: str = "cuda:0") -> None:
        """Nothing is loaded yet.

        Args:
            models: folder or hub name of the weights by kind of prompt; kinds left out are not taken.
            device: as torch names it.
        """
        self._models, self._device = dict(models), device
        self._pipelines: dict[TaskKind, Any] = {}
        self._parked: set[TaskKind] = set()
        self._lock = Lock()

    @property
    def name(self) -> str:
        """Backend and version."""
        return "trellis 1"

    @property
    def kinds(self) -> frozenset[TaskKind]:
        """Those that weights were named for."""
        return frozenset(self._models)

    def generate(self, order: Order, watch: Watch) -> GaussianSplats:
        """The model; the same for the same order on the same device.

        Raises:
            GenerationError: transient when the GPU's memory was full (everything is unloaded then);
                permanent when package or weights are missing, or nothing came of the prompt.
            GenerationStoppedError: called off; at the latest one step of a sampler later.
        """
        import torch

        watch("loading", 0.0)
        try:
            with torch.inference_mode():
                return self._generate(order, watch)
        except torch.cuda.OutOfMemoryError as error:
            reason = f"the GPU's memory is full: {str(error).splitlines()[0]}"
        # Outside the handler: the traceback holds the tensors that fill the memory.
        self.unload()
        raise GenerationError(reason, is_transient=True)

    def state(self) -> BackendState:
        """What is loaded, and the device's memory where it is a GPU that was used."""
        loaded = tuple(f"{kind}: {self._models[kind]}" for kind in list(self._pipelines))
        return BackendState(loaded, _memory_of(self._device) if loaded else None)

    def unload(self) -> None:
        """Weights leave the GPU, and their memory goes back to the device."""
        with self._lock:
            self._pipelines.clear()
            self._parked.clear()
        release_memory()

    def park(self) -> None:
        """Move the pipelines to main memory; the next order moves its own back."""
        with self._lock:
            for pipeline in self._pipelines.values():
                pipeline.to("cpu")
            self._parked = set(self._pipelines)
        release_memory()

    def _generate(self, order: Order, watch: Watch) -> GaussianSplats:
        import torch

        pipeline = self._pipeline(order.kind)
        watch("reading the prompt", 0.0)
        condition = pipeline.get_cond([_prompt_for(pipeline, order)])
        torch.manual_seed(order.seed)
        structure, latent = sampler_settings(pipeline, order)
        with _watched(pipeline.models["sparse_structure_flow_model"], "structure", structure, watch):
            coords = pipeline.sample_sparse_structure(condition, 1, structure)
        if len(coords) == 0:
            raise GenerationError("nothing came of the prompt: the structure is empty", is_transient=False)
        with _watched(pipeline.models["slat_flow_model"], "appearance", latent, watch):
            slat = pipeline.sample_slat(condition, coords, latent)
        watch("decoding", 1.0)
        return splats_of(pipeline.decode_slat(slat, ["gaussian"])["gaussian"][0])

    def _pipeline(self, kind: TaskKind) -> Any:
        with self._lock:
            if kind not in self._pipelines:
                self._pipelines[kind] = load_pipeline(kind, self._models[kind], self._device)
            elif kind in self._parked:
                self._pipelines[kind].to(self._device)
            self._parked.discard(kind)
            return self._pipelines[kind]


def _prompt_for(pipeline: Any, order: Order) -> Any:
    if order.kind is TaskKind.TEXT:
        return order.prompt
    from PIL import Image

    try:
        picture = Image.fromarray(decode_prompt_image(order.prompt))
    except PromptImageError as error:
        raise GenerationError(str(error), is_transient=False) from error
    # Cuts the object out (rembg, unless the picture is transparent already) and centres it.
    return pipeline.preprocess_image(picture)


@contextmanager
def _watched(model: Any, stage: str, sampler: Mapping[str, float | int], watch: Watch) -> Iterator[None]:
    """Every call of the sampler's model is reported, and is where a job can be called off."""
    calls = 0
    expected = sampler["steps"] * _CALLS_PER_STEP

    def report(*_: object) -> None:
        nonlocal calls
        calls += 1
        watch(stage, min(1.0, calls / expected))

    hook = model.register_forward_pre_hook(report)
    try:
        yield
    finally:
        hook.remove()


def _memory_of(device: str) -> GpuMemory | None:
    import torch

    if not device.startswith("cuda") or not torch.cuda.is_available():
        return None
    free, total = torch.cuda.mem_get_info(device)
    return GpuMemory(
        device=torch.cuda.get_device_name(device),
        allocated=torch.cuda.memory_allocated(device),
        reserved=torch.cuda.memory_reserved(device),
        free=free,
        total=total,
    )
