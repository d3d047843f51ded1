"""TRELLIS generation servers over HTTP (PROTOCOL 7)."""

from collections.abc import Sequence

import httpx

from trellis_assets.adapters.bounded_http import Answer, BoundedClient, NoAnswerError, shown_url
from trellis_assets.adapters.prompt_images import PromptImageError, decode_prompt_image
from trellis_assets.adapters.splat_io.errors import SplatFormatError
from trellis_assets.adapters.splat_io.sniff import decode_splats
from trellis_assets.domain.splats import GaussianSplats
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import GenerationError, UnsupportedPromptError

# About what scoring services accept (PROTOCOL 6.1); a bare PLY of two million splats fits.
MAX_ANSWER_BYTES = 512 * 1024 * 1024
PROBE_TIMEOUT_S = 2.0
PROBE_MAX_BYTES = 64 * 1024
_FIELDS = {TaskKind.TEXT: "prompt", TaskKind.IMAGE: "prompt_image"}
# Besides all 5xx: too slow, too early, too many.
_TRANSIENT_STATUSES = frozenset({408, 425, 429})


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
    ) -> None:
        """Nothing is called yet.

        Args:
            urls: one base URL per server, without the route.
            timeout_s: longest wait for a model.
            max_answer_bytes: longest answer that is read.
            token: sent to every server.

        Raises:
            ValueError: no URL, or one that is not http(s).
        """
        self._endpoints = tuple(url.rstrip("/") for url in urls)
        if not self._endpoints:
            raise ValueError("no generation server is named; wanted is http(s)://host:port")
        for url in self._endpoints:
            shown_url(url)
        self._client = BoundedClient(timeout_s=timeout_s, max_bytes=max_answer_bytes, token=token)
        self._prober = BoundedClient(timeout_s=PROBE_TIMEOUT_S, max_bytes=PROBE_MAX_BYTES, token=token)

    @property
    def name(self) -> str:
        """Backend and version."""
        return "trellis-http 1"

    @property
    def endpoints(self) -> Sequence[str]:
        """The servers' URLs."""
        return self._endpoints

    def problem(self) -> str | None:
        """Why no server can take work now; None when one can.

        A server that takes the connection and is slow to answer is at work, not away. One that does
        not know `/health/` is the reference server, which has no such route.
        """
        problems = []
        for url in self._endpoints:
            try:
                answer = self._prober.get(f"{url}/health/")
            except NoAnswerError as error:
                if not error.is_away:
                    return None
                problems.append(str(error))
                continue
            if not httpx.codes.is_server_error(answer.status):
                return None
            problems.append(f"{shown_url(url)} is not healthy: it answered {answer.status}")
        return "no generation server is ready: " + "; ".join(problems)

    def supports(self, kind: TaskKind) -> bool:
        """Whether the servers may take such prompts. The reference server turns out not to take pictures."""
        return kind in {TaskKind.TEXT, TaskKind.IMAGE}

    def generate(self, prompt: str, *, kind: TaskKind, seed: int, endpoint: str) -> GaussianSplats:
        """The server's model, whichever format it answers in.

        Raises:
            GenerationError: transient when the server is away, slow, busy or failing; permanent
                when it refuses the prompt or answers with something that is no model.
            UnsupportedPromptError: a server that takes words only was asked for a picture's model.
        """
        if kind is TaskKind.IMAGE:
            _check_picture(prompt)
        form = {_FIELDS[kind]: prompt, "seed": str(seed), "return_compressed": "true"}
        try:
            answer = self._client.post_form(f"{endpoint}/generate/", form)
        except NoAnswerError as error:
            raise GenerationError(str(error), is_transient=error.is_transient) from error
        where = shown_url(endpoint)
        if kind is TaskKind.IMAGE and answer.status == httpx.codes.UNPROCESSABLE_ENTITY:
            # The picture itself is sound, so that it is the form's field that the server lacks.
            raise UnsupportedPromptError(f"{where} takes no pictures: {answer.excerpt}")
        return _model_in(answer, where)


def _check_picture(prompt: str) -> None:
    try:
        decode_prompt_image(prompt)
    except PromptImageError as error:
        raise GenerationError(str(error), is_transient=False) from error


def _model_in(answer: Answer, where: str) -> GaussianSplats:
    if answer.status != httpx.codes.OK:
        raise _refusal(answer, where)
    if answer.is_html:
        text = f"{where} answered with a web page: is it a generation server?"
        raise GenerationError(text, is_transient=False)
    try:
        return decode_splats(answer.body)
    except SplatFormatError as error:
        raise GenerationError(f"{where} answered with no model: {error}", is_transient=False) from error


def _refusal(answer: Answer, where: str) -> GenerationError:
    is_transient = answer.status in _TRANSIENT_STATUSES or httpx.codes.is_server_error(answer.status)
    said = "a web page" if answer.is_html else answer.excerpt or "nothing"
    text = f"{where} answered {answer.status}: {said}"
    retry_after = answer.headers.get("retry-after", "")
    if retry_after.isdecimal():
        text += f" (asks to wait {int(retry_after)} s)"
    return GenerationError(text, is_transient=is_transient)
