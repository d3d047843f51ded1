"""TRELLIS generation servers over HTTP (PROTOCOL 7)."""

import base64
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx

from trellis_assets.adapters.generation.endpoint_names import endpoint_name
from trellis_assets.adapters.generation.http_answers import (
    declared_orientation,
    is_fault_of_prompt,
    model_in,
    refuses_settings,
    trouble_in,
)
from trellis_assets.adapters.generation.model_pictures import OfferedPictures, offer_in
from trellis_assets.adapters.http_client import Answer, BoundedClient, NoAnswerError, shown_url
from trellis_assets.adapters.prompt_images import PromptImageError, decode_prompt_image
from trellis_assets.domain.endpoints.endpoints import Probe
from trellis_assets.domain.endpoints.orientation import Orientation
from trellis_assets.domain.generation_requests import ENDPOINTS_OWN, PictureKind, Route, Sampling
from trellis_assets.domain.generation_settings import (
    SETTINGS_HEADER,
    UsedSettings,
    form_fields,
    read_header,
)
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import (
    GenerationError,
    PromptRefusedError,
    UnclearFaultError,
    UnsupportedPromptError,
)

_log = logging.getLogger(__name__)

# About what scoring services accept (PROTOCOL 6.1); a bare PLY of two million splats fits.
MAX_ANSWER_BYTES = 512 * 1024 * 1024
PROBE_TIMEOUT_S = 2.0
MOST_PROBES_AT_ONCE = 16
PROBE_MAX_BYTES = 64 * 1024
_FIELDS = {TaskKind.TEXT: "prompt", TaskKind.IMAGE: "prompt_image"}


class HttpGenerator:
    """Posts prompts to generation servers: the TRELLIS one, or the subnet's reference.

    Each server is a slot of its own. The reference ignores the seed.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        timeout_s: float = 300.0,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        token: str | None = None,
        route: Route | None = None,
    ) -> None:
        """Send nothing yet.

        Args:
            urls: one base URL per server, without the route.
            timeout_s: longest wait for a model.
            max_answer_bytes: longest answer that is read.
            token: sent to every server.
            route: that words are to take; None leaves it to each server.

        Raises:
            ValueError: no URL, or one that is not http(s).
        """
        self._urls = {endpoint_name(url.rstrip("/")): url.rstrip("/") for url in urls}
        if not self._urls:
            raise ValueError("no generation server is named; name one as http(s)://host:port")
        self._client = BoundedClient(timeout_s=timeout_s, max_bytes=max_answer_bytes, token=token)
        self._route = route
        self._offered = OfferedPictures(token)
        self._declared: dict[str, tuple[Orientation, bool]] = {}
        self._used: dict[str, UsedSettings | None] = {}
        # Settings that an endpoint has refused: it makes models without them.
        self._declined: set[tuple[str, Sampling, Route | None]] = set()
        self._prober = BoundedClient(timeout_s=PROBE_TIMEOUT_S, max_bytes=PROBE_MAX_BYTES, token=token)

    @property
    def name(self) -> str:
        """Return backend and version."""
        return "trellis-http 1"

    @property
    def endpoints(self) -> Sequence[str]:
        """Return the servers' URLs without secrets; those of this machine with its name."""
        return tuple(self._urls)

    def probe(self) -> Sequence[Probe]:
        """Return the health of all servers, which are asked at the same time."""
        with ThreadPoolExecutor(max_workers=min(len(self._urls), MOST_PROBES_AT_ONCE)) as threads:
            return list(threads.map(self._probe, self._urls))

    def _probe(self, endpoint: str) -> Probe:
        """Return the health of one server.

        A server that accepts the connection and answers late is busy, not unreachable. A 404 is the
        reference server's, which has no such route, and counts as healthy.
        """
        url = self._urls[endpoint]
        try:
            answer = self._prober.get(f"{url}/health/")
        except NoAnswerError as error:
            return Probe(endpoint, str(error) if error.is_unreachable else None)
        return Probe(endpoint, trouble_in(answer, shown_url(url)), is_answering=True)

    def supports(self, kind: TaskKind) -> bool:
        """Return whether servers may take such prompts; the reference server refuses pictures when asked."""
        return kind in {TaskKind.TEXT, TaskKind.IMAGE}

    def generate(
        self,
        prompt: str,
        *,
        kind: TaskKind,
        seed: int,
        endpoint: str,
        sampling: Sampling = ENDPOINTS_OWN,
        route: Route | None = None,
    ) -> GaussianSplats:
        """Return the server's model, whichever format it answers in.

        A server that refuses sampler settings or the route is asked once more without them, and not with
        them again: a task is not lost for a recipe. `used_settings` tells what the model was made with.

        Raises:
            GenerationError: transient; the server is unreachable, slow, busy or failing.
            PromptRefusedError: the prompt cannot be sent, or the server says that it is at fault.
            UnclearFaultError: the server refused it, or sent no model, without saying whose fault it is.
            EndpointFaultError: it is not a generation server, or it refuses us.
            UnsupportedPromptError: the server takes words only, and the prompt is a picture.
        """
        _check_prompt(prompt, kind)
        url = self._urls[endpoint]
        where = shown_url(url)
        own = {} if kind is TaskKind.IMAGE or self._route is None else {"route": str(self._route)}
        wanted = form_fields(sampling) | ({} if route is None else {"route": str(route)})
        declined = (endpoint, sampling, route)
        extra = own if declined in self._declined else own | wanted
        self._used[endpoint] = None
        answer = self._posted(url, {_FIELDS[kind]: prompt}, seed, extra)
        if extra != own and refuses_settings(answer):
            answer = self._posted(url, {_FIELDS[kind]: prompt}, seed, own)
            if answer.status == httpx.codes.OK:
                self._declined.add(declined)
                _log.warning("%s refuses the settings of a recipe, and makes models without them", where)
        is_refused = answer.status == httpx.codes.UNPROCESSABLE_ENTITY and not is_fault_of_prompt(answer)
        if kind is TaskKind.IMAGE and is_refused:
            # The picture itself is sound, so that it is the form's field that the server lacks.
            answer = self._upload(url, prompt, seed, {} if declined in self._declined else wanted)
            if answer.status in {httpx.codes.UNPROCESSABLE_ENTITY, httpx.codes.BAD_REQUEST}:
                raise UnsupportedPromptError(f"{where} takes no pictures: {answer.excerpt}")
        splats = model_in(answer, where)
        self._used[endpoint] = read_header(answer.headers.get(SETTINGS_HEADER.lower()))
        self._declared[endpoint] = declared_orientation(answer.headers)
        if (offer := offer_in(answer, url)) is not None:
            self._offered.remember((endpoint, prompt, seed), offer)
        return splats

    def declared_orientation(self, endpoint: str) -> tuple[Orientation, bool]:
        """Return what the last answer of the endpoint spoke for, and whether that is certain."""
        return self._declared.get(endpoint, (Orientation.AS_IS, False))

    def used_settings(self, endpoint: str) -> UsedSettings | None:
        """Return what the endpoint's last model was made with; None where it does not say."""
        return self._used.get(endpoint)

    def _posted(self, url: str, prompt: Mapping[str, str], seed: int, extra: Mapping[str, str]) -> Answer:
        form = {**prompt, "seed": str(seed), "return_compressed": "true", **extra}
        return self._ask(lambda: self._client.post_form(f"{url}/generate/", form))

    def _upload(self, url: str, prompt: str, seed: int, extra: Mapping[str, str]) -> Answer:
        """Return the answer to the picture sent as an uploaded file, as other servers take it."""
        file = base64.b64decode(prompt)
        fields = {"seed": str(seed), "return_compressed": "true", **extra}
        return self._ask(
            lambda: self._client.post_file(f"{url}/generate/", fields, "prompt_image_file", file)
        )

    def _ask(self, call: Callable[[], Answer]) -> Answer:
        try:
            return call()
        except NoAnswerError as error:
            if not error.is_transient:
                raise UnclearFaultError(str(error)) from error
            raise GenerationError(
                str(error), is_transient=True, is_unreachable=error.is_unreachable
            ) from error

    def pictures(self, prompt: str, *, seed: int, endpoint: str) -> Mapping[PictureKind, bytes]:
        """Return WebP files of what a model was made from; a server that named none is not asked."""
        return self._offered.take((endpoint, prompt, seed))


def _check_prompt(prompt: str, kind: TaskKind) -> None:
    try:
        prompt.encode()
        if kind is TaskKind.IMAGE:
            decode_prompt_image(prompt)
    except UnicodeEncodeError as error:
        raise PromptRefusedError(f"the prompt is not valid Unicode: {error.reason}") from error
    except PromptImageError as error:
        raise PromptRefusedError(str(error)) from error
