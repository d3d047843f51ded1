"""What answers of generation servers mean: a model, a fault of prompt or server, or its health."""

from collections.abc import Mapping

import httpx

from trellis_assets.adapters.http_client import Answer
from trellis_assets.adapters.splat_io.errors import SplatFormatError
from trellis_assets.adapters.splat_io.sniff import decode_splats
from trellis_assets.domain.endpoints.faults import FAULT_HEADER, PROMPT_FAULT
from trellis_assets.domain.endpoints.orientation import ORIENTATION_HEADER, Orientation
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.tasks import printable
from trellis_assets.ports import (
    EndpointFaultError,
    GenerationError,
    PromptRefusedError,
    UnclearFaultError,
)

# The server that the subnet's TRELLIS miners share (PROTOCOL 7) adds this to its answers.
_SEED_SERVER_HEADER = "x-compression-ratio"
# Besides all 5xx: too slow, too early, too many.
_TRANSIENT_STATUSES = frozenset({408, 425, 429})
# May be about the prompt, or about a form that the server does not know.
_REFUSALS = frozenset({400, 413, 422})
# The server lacks what was asked for: no route to pictures, say.
_LASTING_STATUSES = frozenset({501, 505})
# What servers call themselves when they take no work, even with status 200.
_NOT_READY = frozenset({"loading", "starting", "failed", "unhealthy", "error"})
_TROUBLE = 500


def declared_orientation(headers: Mapping[str, str]) -> tuple[Orientation, bool]:
    """Return the orientation that an answer's headers speak for, and whether that is certain.

    Our own server says it. The seed's server is known by a header of its own: it writes models by TRELLIS's
    `save_ply`, unless it was changed. Nothing is known of others.
    """
    said = headers.get(ORIENTATION_HEADER, "").strip().lower()
    if said in set(Orientation):
        return Orientation(said), True
    if _SEED_SERVER_HEADER in headers:
        return Orientation.TRELLIS_PLY, False
    return Orientation.AS_IS, False


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


def refuses_settings(answer: Answer) -> bool:
    """Return whether the answer may mean that the server lacks a field, or the route, that it was sent."""
    if is_fault_of_prompt(answer):
        return False
    return answer.status in {
        httpx.codes.BAD_REQUEST,
        httpx.codes.UNPROCESSABLE_ENTITY,
        httpx.codes.NOT_IMPLEMENTED,
    }


def model_in(answer: Answer, where: str) -> GaussianSplats:
    """Return the model in an answer.

    Raises:
        GenerationError: as `error_of`; UnclearFaultError where the body is not a model.
    """
    if answer.status != httpx.codes.OK:
        raise error_of(answer, where)
    if answer.is_html:
        raise EndpointFaultError(f"{where} answered with a web page: is it a generation server?")
    try:
        return decode_splats(answer.body)
    except SplatFormatError as error:
        raise UnclearFaultError(f"{where} answered with no model: {error}") from error


def error_of(answer: Answer, where: str) -> GenerationError:
    """Return the error that a status other than 200 stands for: the prompt's, unclear, passing or lasting."""
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
