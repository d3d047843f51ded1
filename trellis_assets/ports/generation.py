"""What makes models: a generator with its endpoints, and what a generation server works with."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from trellis_assets.domain.endpoints.endpoints import Probe
from trellis_assets.domain.endpoints.orientation import Orientation
from trellis_assets.domain.generation_requests import (
    ENDPOINTS_OWN,
    BackendState,
    GenerationRequest,
    PictureKind,
    Route,
    Sampling,
)
from trellis_assets.domain.generation_settings import UsedSettings
from trellis_assets.domain.tasks import TaskKind

if TYPE_CHECKING:
    # Its module imports numpy, which processes that compute no splats need not wait for.
    from trellis_assets.domain.splats.splats import GaussianSplats


class GenerationError(RuntimeError):
    """A model could not be generated: a fault of the server, unless a subclass says otherwise.

    Attributes:
        is_transient: asking the same endpoint again may help; else its operator must fix it first.
        is_unreachable: nothing answered.
    """

    def __init__(self, message: str, *, is_transient: bool, is_unreachable: bool = False) -> None:
        super().__init__(message)
        self.is_transient = is_transient
        self.is_unreachable = is_unreachable


class PromptRefusedError(GenerationError):
    """The prompt is at fault at every endpoint: no endpoint's breaker counts it."""

    def __init__(self, message: str) -> None:
        super().__init__(message, is_transient=False)


class UnclearFaultError(GenerationError):
    """An endpoint refused a prompt, or gave no model for it: its record tells whose fault that is."""

    def __init__(self, message: str) -> None:
        super().__init__(message, is_transient=False)


class EndpointFaultError(GenerationError):
    """The endpoint is not a generation server, or refuses us: the next prompt would fare no better."""

    def __init__(self, message: str) -> None:
        super().__init__(message, is_transient=False)


class BrokenGpuError(GenerationError):
    """The GPU's context is broken: every call fails until a new process starts."""

    def __init__(self, message: str) -> None:
        super().__init__(message, is_transient=False)


class UnsupportedPromptError(GenerationError):
    """The endpoint takes no prompts of this kind. Where none does, the task is handed back as unsupported."""

    def __init__(self, message: str) -> None:
        super().__init__(message, is_transient=False)


class Generator(Protocol):
    """Prompt in, splats out. One call at a time per endpoint."""

    @property
    def name(self) -> str:
        """Return backend and version, stored with each generation."""
        ...

    @property
    def endpoints(self) -> Sequence[str]:
        """Return the names of the slots: each runs one generation at a time."""
        ...

    def probe(self) -> Sequence[Probe]:
        """Return what a health probe of each endpoint finds, within a few seconds."""
        ...

    def supports(self, kind: TaskKind) -> bool:
        """Return whether this backend takes such prompts."""
        ...

    def generate(
        self,
        prompt: str,
        *,
        kind: TaskKind,
        seed: int,
        endpoint: str,
        sampling: Sampling = ENDPOINTS_OWN,
        route: Route | None = None,
    ) -> "GaussianSplats":
        """Return the model for a prompt; the same for the same prompt and seed where the backend can.

        Args:
            prompt: words, or a picture's base64 text.
            kind: of prompt.
            seed: of the random numbers.
            endpoint: that makes it.
            sampling: settings of the samplers; an endpoint that lacks them makes the model without.
            route: of words; an endpoint that lacks it makes the model by its own.

        Raises:
            GenerationError: with whether it is worth retrying.
        """
        ...


@runtime_checkable
class DeclaresOrientation(Protocol):
    """What generation servers say, or show by their answers, of how their models stand."""

    def declared_orientation(self, endpoint: str) -> tuple[Orientation, bool]:
        """Return what the last answer of the endpoint spoke for, and whether that is certain."""
        ...


@runtime_checkable
class TellsSettings(Protocol):
    """A generator whose endpoints may say what they made a model with."""

    def used_settings(self, endpoint: str) -> UsedSettings | None:
        """Return what the endpoint's last model was made with; None where it does not say."""
        ...


# Told what is under way and what share of it is done; raises GenerationStoppedError to call it off.
Watch = Callable[[str, float], None]


class ServerBackend(Protocol):
    """What a generation server makes models with. One call at a time."""

    @property
    def name(self) -> str:
        """Return backend and version."""
        ...

    @property
    def kinds(self) -> frozenset[TaskKind]:
        """Return the kinds of prompts that it takes."""
        ...

    def load(self) -> None:
        """Load what models are made with, and prove by a small trial that one could be made.

        Raises:
            GenerationError: a fault of this server, with what to do; transient where it may pass by itself.
        """
        ...

    def generate(self, request: GenerationRequest, watch: Watch) -> "GaussianSplats":
        """Return the model, +Y up.

        Raises:
            PromptRefusedError: a fault of the prompt.
            GenerationError: a fault of this server.
            GenerationStoppedError: `watch` called it off.
        """
        ...

    def state(self) -> BackendState:
        """Return what is loaded; cheap, and safe while a model is made."""
        ...

    def unload(self) -> None:
        """Free the models and their GPU memory; the next request loads them again."""
        ...


@runtime_checkable
class RecordsSettings(Protocol):
    """A backend that knows what it made a model with."""

    def used_settings(self, request: GenerationRequest) -> UsedSettings | None:
        """Return what the request's model was made with; None where that is forgotten."""
        ...


@runtime_checkable
class PictureRoute(Protocol):
    """A backend that makes models of words by way of a picture."""

    @property
    def routes(self) -> frozenset[Route]:
        """Return the routes that words can take."""
        ...

    def pictures(self, model_id: str) -> Mapping[PictureKind, bytes]:
        """Return the PNG files that the model of this id was made from; none where they are gone."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return the route's settings, for `/config/`."""
        ...


@runtime_checkable
class PictureSource(Protocol):
    """A generator that can get the pictures of a model it has just made."""

    def pictures(self, prompt: str, *, seed: int, endpoint: str) -> Mapping[PictureKind, bytes]:
        """Return the WebP files that the model was made from; none where they cannot be had."""
        ...
