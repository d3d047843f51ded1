"""What a generation server is asked for."""

from dataclasses import dataclass

from trellis_assets.domain.tasks import TaskKind


class GenerationStoppedError(RuntimeError):
    """The job was called off: its caller went away, or its time was up."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """Settings of TRELLIS's two samplers; None leaves the server's own (PROTOCOL 7).

    Attributes:
        ss_steps, ss_guidance: sparse structure, that is where the model is.
        slat_steps, slat_guidance: structured latent, that is what it looks like there.
        image_guidance: of a text-to-image stage, where a backend has one.
    """

    ss_steps: int | None = None
    ss_guidance: float | None = None
    slat_steps: int | None = None
    slat_guidance: float | None = None
    image_guidance: float | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One model to make. `prompt` is words, or for images the base64 text of the file."""

    prompt: str
    kind: TaskKind
    seed: int
    sampling: Sampling = Sampling()


@dataclass(frozen=True, slots=True)
class GpuMemory:
    """In bytes; `allocated` and `reserved` are this process's, `free` and `total` the device's."""

    device: str
    allocated: int
    reserved: int
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class BackendState:
    """What a server's backend holds at the moment."""

    models_loaded: tuple[str, ...] = ()
    gpu_memory: GpuMemory | None = None
