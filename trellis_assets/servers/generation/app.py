"""The generation server: the routes and answers of a TRELLIS server (PROTOCOL 7)."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response

from trellis_assets.domain.endpoints.faults import FAULT_HEADER, PROMPT_FAULT, SERVER_FAULT
from trellis_assets.domain.endpoints.orientation import ORIENTATION_HEADER, Orientation
from trellis_assets.domain.generation_requests import GenerationRequest, GenerationStoppedError
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.tasks import printable
from trellis_assets.ports import GenerationError, PromptRefusedError, ServerBackend, SplatCodec
from trellis_assets.servers.generation.jobs import CallerGoneError, DeadlineError, Jobs, QueueFullError
from trellis_assets.servers.generation.limits import ServerLimits
from trellis_assets.servers.generation.picture_routes import (
    check_route,
    picture_headers,
    picture_router,
    settings_headers,
)
from trellis_assets.servers.generation.readiness import Readiness, ServerState
from trellis_assets.servers.generation.request_forms import form_in_openapi, read_form
from trellis_assets.servers.generation.status_routes import server_version, status_router

_log = logging.getLogger(__name__)

RETRY_AFTER_S = 5
# What nginx logs for it; no caller reads it, since it has disconnected.
CLIENT_CLOSED_REQUEST = 499
_MEGABYTE = 1e6


def generation_app(
    backend: ServerBackend,
    codec: SplatCodec,
    limits: ServerLimits | None = None,
    *,
    instance: str | None = None,
    is_lazy: bool = False,
    give_up: Callable[[], None] = lambda: None,
) -> FastAPI:
    """Return the server's application over any backend.

    Args:
        backend: what models are made with.
        codec: writes them.
        limits: how much the server takes on.
        instance: by which the process that started the server recognises it.
        is_lazy: models are loaded at the first request, not at the start.
        give_up: called when only a new process can make models again.
    """
    limits = limits or ServerLimits()
    jobs = Jobs(backend, queue=limits.queue, deadline_s=limits.deadline_s)
    readiness = Readiness(jobs, is_lazy, give_up)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(readiness.keep_loaded()),
            asyncio.create_task(_unload_when_idle(jobs, limits.idle_unload_s)),
        ]
        yield
        for task in tasks:
            task.cancel()
        jobs.close()

    app = FastAPI(
        title="trellis-assets generation server",
        version=server_version(),
        description="Text or a picture in, 3D Gaussian splats out. One job at a time.",
        lifespan=lifespan,
    )

    @app.post(
        "/generate/",
        openapi_extra=form_in_openapi(),
        response_class=Response,
        responses={
            200: {"content": {"application/octet-stream": {}}, "description": "SPZ or PLY."},
            413: {"description": "The body is too large."},
            422: {
                "description": "The prompt or a setting cannot be used; the detail says why. "
                f"`{FAULT_HEADER}: {PROMPT_FAULT}` where it is the prompt."
            },
            500: {"description": "A fault of the server that its operator must fix."},
            501: {"description": "The server has no such route."},
            503: {
                "description": "The queue is full, the GPU has no memory, or models cannot be loaded: "
                "see Retry-After."
            },
            504: {"description": "Not done within the deadline."},
        },
    )
    async def generate(request: Request) -> Response:
        """Make a model of the prompt: SPZ, or PLY with `return_compressed=false`."""
        wanted, is_compressed = await read_form(request)
        if wanted.kind not in backend.kinds:
            raise HTTPException(422, f"{backend.name} takes no {wanted.kind} prompts")
        check_route(backend, wanted)
        splats = await _generated(readiness, wanted, request)
        encode = codec.encode_spz if is_compressed else codec.encode_ply
        answer = _model(await asyncio.to_thread(encode, splats), wanted.seed, is_compressed=is_compressed)
        answer.headers.update(picture_headers(backend, wanted) | settings_headers(backend, wanted))
        return answer

    @app.post("/clear_cache/")
    async def clear_cache() -> dict[str, Any]:
        """Unload the models and free their GPU memory, after the active job."""
        await jobs.unload()
        return {"status": "cleared", **asdict(backend.state())}

    app.include_router(status_router(readiness, limits, instance))
    app.include_router(picture_router(backend))
    return app


async def _generated(readiness: Readiness, wanted: GenerationRequest, request: Request) -> GaussianSplats:
    later = {"Retry-After": str(RETRY_AFTER_S), FAULT_HEADER: SERVER_FAULT}
    if readiness.state is ServerState.FAILED:
        raise HTTPException(503, f"models cannot be made: {readiness.reason}", headers=later)
    try:
        return await readiness.jobs.run(wanted, request.is_disconnected)
    except QueueFullError as error:
        raise HTTPException(503, f"the queue is full: {error}", headers=later) from None
    except DeadlineError as error:
        raise HTTPException(504, str(error), headers={FAULT_HEADER: SERVER_FAULT}) from None
    except (CallerGoneError, GenerationStoppedError):
        raise HTTPException(CLIENT_CLOSED_REQUEST) from None
    except PromptRefusedError as error:
        raise HTTPException(422, str(error), headers={FAULT_HEADER: PROMPT_FAULT}) from None
    except GenerationError as error:
        readiness.note(error)
        if error.is_transient:
            raise HTTPException(503, str(error), headers=later) from None
        raise HTTPException(500, str(error), headers={FAULT_HEADER: SERVER_FAULT}) from None
    except Exception as error:  # noqa: BLE001 - torch and TRELLIS raise anything
        # Anything else that a library raised: a fault of the server, told with its kind.
        _log.exception("generation failed")
        text = printable(f"generation failed: {type(error).__name__}: {error}", 300)
        raise HTTPException(500, text, headers={FAULT_HEADER: SERVER_FAULT}) from None


def _model(body: bytes, seed: int, *, is_compressed: bool) -> Response:
    name = f"model_{seed}.ply" + (".spz" if is_compressed else "")
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        ORIENTATION_HEADER: str(Orientation.AS_IS),
    }
    if is_compressed:
        # Not a ratio, whatever it is called: callers read the megabytes.
        headers["X-Compression-Ratio"] = f"{len(body) / _MEGABYTE:.2f}MB"
    return Response(body, media_type="application/octet-stream", headers=headers)


async def _unload_when_idle(jobs: Jobs, idle_s: float) -> None:
    while True:
        await asyncio.sleep(min(5.0, idle_s))
        is_idle = not jobs.held and time.monotonic() - jobs.last_used_at > idle_s
        if is_idle and jobs.backend.state().models_loaded:
            await jobs.unload()
