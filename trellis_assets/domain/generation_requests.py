"""Generation requests: what a generation server makes, and the state of its backend."""

import hashlib
from dataclasses import astuple, dataclass

from trellis_assets.domain.tasks import TaskKind
from trellis_assets.system.compat import StrEnum

# What servers and prompt files take at most, characters: words, and a picture as base64.
MAX_PROMPT = 1024
MAX_IMAGE_CHARACTERS = 8 * 1024 * 1024


class GenerationStoppedError(RuntimeError):
    """The job was stopped: its caller went away, or its time was up."""


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


# Asks for nothing.
ENDPOINTS_OWN = Sampling()


class Route(StrEnum):
    """How a text prompt becomes a model."""

    DIRECT = "direct"
    PICTURE = "picture"


class PictureKind(StrEnum):
    """The pictures that a model was made from, in the order in which they were made."""

    PICTURE = "picture"  # of the words
    CUT = "cut"  # its object alone, centred: what TRELLIS was given


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One model to generate.

    Attributes:
        prompt: words, or for images the base64 text of the file.
        route: of words; None takes the server's own.
    """

    prompt: str
    kind: TaskKind
    seed: int
    sampling: Sampling = ENDPOINTS_OWN
    route: Route | None = None

    @property
    def model_id(self) -> str:
        """Return 32 hexadecimal digits, the same for the same request: its pictures are stored under them."""
        values = repr((self.prompt, str(self.kind), self.seed, astuple(self.sampling), self.route))
        return hashlib.sha256(values.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class GpuMemory:
    """Bytes of a GPU: `allocated` and `reserved` by this process, `free` and `total` of the device."""

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
