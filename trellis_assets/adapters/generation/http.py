"""TRELLIS generation servers over HTTP (PROTOCOL 7)."""

import base64
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx

from trellis_assets.adapters.generation.endpoint_names import endpoint_name
from trellis_assets.adapters.generation.model_pictures import OfferedPictures, offer_in
from trellis_assets.adapters.http_client import Answer, BoundedClient, NoAnswerError, shown_url
from trellis_assets.adapters.prompt_images import PromptImageError, decode_prompt_image
from trellis_assets.adapters.splat_io.errors import SplatFormatError
from trellis_assets.adapters.splat_io.sniff import decode_splats
from trellis_assets.domain.endpoints.endpoints import Probe
from trellis_assets.domain.endpoints.faults import FAULT_HEADER, PROMPT_FAULT
from trellis_assets.domain.endpoints.orientation import ORIENTATION_HEADER, Orientation
from trellis_assets.domain.generation_requests import PictureKind, Route
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.tasks import TaskKind, printable
from trellis_assets.ports import (
    EndpointFaultError,
    GenerationError,
    PromptRefusedError,
    UnclearFaultError,
    UnsupportedPromptError,
)

# About what scoring services accept (PROTOCOL 6.1); a bare PLY of two million splats fits.
MAX_ANSWER_BYTES = 512 * 1024 * 1024
PROBE_TIMEOUT_S = 2.0
MOST_PROBES_AT_ONCE = 16
PROBE_MAX_BYTES = 64 * 1024
# The server that the subnet's TRELLIS miners share (PROTOCOL 7) adds this to its answers.
_SEED_SERVER_HEADER = "x-compression-ratio"
_FIELDS = {TaskKind.TEXT: "prompt", TaskKind.IMAGE: "prompt_image"}
# Besides all 5xx: too slow, too early, too many.
_TRANSIENT_STATUSES = frozenset({408, 425, 429})
# May be about the prompt, or about a form that the server does not know.
_REFUSALS = frozenset({400, 413, 422})
# The server lacks what was asked for: no route to pictures, say.
_LASTING_STATUSES = frozenset({501, 505})
# What servers call themselves when they take no work, even with status 200.
_NOT_READY = frozenset({"loading", "starting", "failed", "unhealthy", "error"})
_TROUBLE = 500


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
            raise ValueError("no generation server is named; wanted is http(s)://host:port")
        self._client = BoundedClient(timeout_s=timeout_s, max_bytes=max_answer_bytes, token=token)
        self._route = route
        self._offered = OfferedPictures(token)
        self._declared: dict[str, tuple[Orientation, bool]] = {}
        self._prober = BoundedClient(timeout_s=PROBE_TIMEOUT_S, max_bytes=PROBE_MAX_BYTES, token=token)

    @property
    def name(self) -> str:
        """Backend and version."""
        return "trellis-http 1"

    @property
    def endpoints(self) -> Sequence[str]:
        """The servers' URLs, without what is secret in them; those of this machine with its name."""
        return tuple(self._urls)

    def probe(self) -> Sequence[Probe]:
        """Return the health of all servers, which are asked at the same time."""
        with ThreadPoolExecutor(max_workers=min(len(self._urls), MOST_PROBES_AT_ONCE)) as doors:
            return list(doors.map(self._probe, self._urls))

    def _probe(self, endpoint: str) -> Probe:
        """Ask a server for its health.

        One that takes the connection and is slow to answer is at work, not away. One that does not know
        `/health/` is the reference server, which has no such route.
        """
        url = self._urls[endpoint]
        try:
            answer = self._prober.get(f"{url}/health/")
        except NoAnswerError as error:
            return Probe(endpoint, str(error) if error.is_unreachable else None)
        return Probe(endpoint, trouble_in(answer, shown_url(url)), is_answering=True)

    def supports(self, kind: TaskKind) -> bool:
        """Whether the servers may take such prompts. The reference server turns out not to take pictures."""
        return kind in {TaskKind.TEXT, TaskKind.IMAGE}

    def generate(self, prompt: str, *, kind: TaskKind, seed: int, endpoint: str) -> GaussianSplats:
        """Return the server's model, whichever format it answers in.

        Raises:
            GenerationError: transient when the server is away, slow, busy or failing; permanent
                when it answers with something that is no model.
            PromptRefusedError: the prompt can be sent to nobody, or the server says that it is at fault.
            UnclearFaultError: the server refused it or sent no model, and does not say whose fault that is.
            EndpointFaultError: no generation server, or one that lets us not in.
            UnsupportedPromptError: a server that takes words only was asked for a picture's model.
        """
        _check_prompt(prompt, kind)
        url = self._urls[endpoint]
        form = {_FIELDS[kind]: prompt, "seed": str(seed), "return_compressed": "true"}
        if kind is TaskKind.TEXT and self._route is not None:
            form["route"] = self._route
        answer = self._ask(lambda: self._client.post_form(f"{url}/generate/", form))
        where = shown_url(url)
        is_refused = answer.status == httpx.codes.UNPROCESSABLE_ENTITY and not is_fault_of_prompt(answer)
        if kind is TaskKind.IMAGE and is_refused:
            # The picture itself is sound, so that it is the form's field that the server lacks.
            answer = self._upload(url, prompt, seed)
            if answer.status in {httpx.codes.UNPROCESSABLE_ENTITY, httpx.codes.BAD_REQUEST}:
                raise UnsupportedPromptError(f"{where} takes no pictures: {answer.excerpt}")
        splats = _model_in(answer, where)
        self._declared[endpoint] = declared_orientation(answer.headers)
        if (offer := offer_in(answer, url)) is not None:
            self._offered.remember((endpoint, prompt, seed), offer)
        return splats

    def declared_orientation(self, endpoint: str) -> tuple[Orientation, bool]:
        """Return what the last answer of the endpoint spoke for, and whether that is certain."""
        return self._declared.get(endpoint, (Orientation.AS_IS, False))

    def _upload(self, url: str, prompt: str, seed: int) -> Answer:
        """Return the answer to the picture sent as an uploaded file, as other servers take it."""
        file = base64.b64decode(prompt)
        fields = {"seed": str(seed), "return_compressed": "true"}
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


def declared_orientation(headers: Mapping[str, str]) -> tuple[Orientation, bool]:
    """Return the orientation that an answer's headers speak for, and whether that is certain.

    Our own server says it. The seed's server is known by a header of its own: it writes models by TRELLIS's
    `save_ply`, unless somebody changed it. Nothing is known of others.
    """
    said = headers.get(ORIENTATION_HEADER, "").strip().lower()
    if said in set(Orientation):
        return Orientation(said), True
    if _SEED_SERVER_HEADER in headers:
        return Orientation.TRELLIS_PLY, False
    return Orientation.AS_IS, False


def _check_prompt(prompt: str, kind: TaskKind) -> None:
    try:
        prompt.encode()
        if kind is TaskKind.IMAGE:
            decode_prompt_image(prompt)
    except UnicodeEncodeError as error:
        raise PromptRefusedError(f"the prompt is not valid Unicode: {error.reason}") from error
    except PromptImageError as error:
        raise PromptRefusedError(str(error)) from error


def trouble_in(answer: Answer, where: str) -> str | None:
    """Return why the server takes no work, by its answer of `/health/`; None when it does.

    Its own words are told where it has any: ours has `status` and `detail`.
    """
    told = answer.json_object or {}
    status, detail = str(told.get("status", "")).lower(), str(told.get("detail") or "")
    is_failing = httpx.codes.is_server_error(answer.status)
    if not is_failing and status not in _NOT_READY:
        return None
    said = f"is {status}" if status else f"is not healthy: it answered {answer.status}"
    return printable(f"{where} {said}" + (f": {detail}" if detail else ""), _TROUBLE)


def is_fault_of_prompt(answer: Answer) -> bool:
    """Return whether the server says that the prompt is at fault."""
    return answer.status in _REFUSALS and answer.headers.get(FAULT_HEADER.lower()) == PROMPT_FAULT


def _model_in(answer: Answer, where: str) -> GaussianSplats:
    if answer.status != httpx.codes.OK:
        raise _error_of(answer, where)
    if answer.is_html:
        raise EndpointFaultError(f"{where} answered with a web page: is it a generation server?")
    try:
        return decode_splats(answer.body)
    except SplatFormatError as error:
        raise UnclearFaultError(f"{where} answered with no model: {error}") from error


def _error_of(answer: Answer, where: str) -> GenerationError:
    said = "a web page" if answer.is_html else answer.excerpt or "nothing"
    text = f"{where} answered {answer.status}: {said}"
    retry_after = answer.headers.get("retry-after", "")
    if retry_after.isdecimal():
        text += f" (asks to wait {int(retry_after)} s)"
    if is_fault_of_prompt(answer):
        return PromptRefusedError(text)
    if answer.status in _REFUSALS and not answer.is_html:
        return UnclearFaultError(text)
    is_failing = httpx.codes.is_server_error(answer.status) and answer.status not in _LASTING_STATUSES
    if answer.status in _TRANSIENT_STATUSES or is_failing:
        return GenerationError(text, is_transient=True)
    return EndpointFaultError(text)
