"""A TRELLIS generation server over HTTP (PROTOCOL 7)."""

from collections.abc import Sequence

import httpx

from trellis_assets.adapters.splat_io.errors import SplatFormatError
from trellis_assets.adapters.splat_io.sniff import decode_splats
from trellis_assets.domain.splats import GaussianSplats
from trellis_assets.domain.tasks import TaskKind, printable
from trellis_assets.ports import GenerationError

MAX_ANSWER = 700 * 1024 * 1024
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


class HttpGenerator:
    """`Generator` that posts prompts; one slot for each server."""

    name = "http"

    def __init__(self, urls: Sequence[str], *, timeout_s: float = 300.0) -> None:
        self.endpoints = tuple(urls)
        self._client = httpx.Client(timeout=httpx.Timeout(timeout_s, connect=5.0))

    def supports(self, kind: TaskKind) -> bool:
        """Text; the reference server has no image field."""
        return kind is TaskKind.TEXT

    def generate(self, prompt: str, *, kind: TaskKind, seed: int, endpoint: str) -> GaussianSplats:
        """The server's model.

        Raises:
            GenerationError: transient for a server that is away, busy or failing; permanent for a
                refused prompt and for an answer that is no model.
        """
        if kind is not TaskKind.TEXT:
            raise GenerationError("the generation server takes text prompts only", is_transient=False)
        form = {"prompt": prompt, "seed": str(seed), "return_compressed": "true"}
        try:
            with self._client.stream("POST", f"{endpoint}/generate/", data=form) as answer:
                body = _bounded(answer)
        except httpx.HTTPError as error:
            text = f"{endpoint} does not answer: {type(error).__name__} {error}"
            raise GenerationError(printable(text, 300), is_transient=True) from error
        if answer.status_code != httpx.codes.OK:
            text = f"{endpoint} answered {answer.status_code}: {body[:200].decode('utf-8', 'replace')}"
            raise GenerationError(printable(text, 300), is_transient=answer.status_code in TRANSIENT)
        try:
            return decode_splats(body)
        except SplatFormatError as error:
            raise GenerationError(f"{endpoint} sent no model: {error}", is_transient=False) from error


def _bounded(answer: httpx.Response) -> bytes:
    chunks, size = [], 0
    for chunk in answer.iter_bytes():
        size += len(chunk)
        if size > MAX_ANSWER:
            raise GenerationError(f"the answer is larger than {MAX_ANSWER} bytes", is_transient=False)
        chunks.append(chunk)
    return b"".join(chunks)
