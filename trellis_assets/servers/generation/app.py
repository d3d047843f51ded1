"""The generation server: the routes and answers of a TRELLIS server (PROTOCOL 7)."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response

from trellis_assets.domain.orders import Order
from trellis_assets.domain.splats import GaussianSplats
from trellis_assets.domain.tasks import printable
from trellis_assets.ports import GenerationError, ServerBackend, SplatCodec
from trellis_assets.servers.generation.forms import form_in_openapi, read_form
from trellis_assets.servers.generation.jobs import CallerGoneError, DeadlineError, Jobs, QueueFullError
from trellis_assets.servers.generation.picture_routes import (
    check_route,
    described,
    picture_headers,
    picture_router,
    routes_of,
)

RETRY_AFTER_S = 5
# What nginx logs for it; nobody reads it, since the caller has left.
CLIENT_CLOSED_REQUEST = 499
_MEGABYTE = 1e6


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """How much the server takes on.

    Attributes:
        queue: jobs that may wait behind the one under way.
        deadline_s: longest time from a request to its model.
        idle_unload_s: models are unloaded when nothing was asked for so long.
    """

    queue: int = 8
    deadline_s: float = 300.0
    idle_unload_s: float = 900.0


def generation_app(
    backend: ServerBackend,
    codec: SplatCodec,
    limits: ServerLimits | None = None,
    *,
    instance: str | None = None,
) -> FastAPI:
    """The server's application over any backend; `instance` is what whoever started it knows it by."""
    limits = limits or ServerLimits()
    jobs = Jobs(backend, queue=limits.queue, deadline_s=limits.deadline_s)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        unloading = asyncio.create_task(_unload_when_idle(jobs, limits.idle_unload_s))
        yield
        unloading.cancel()
        jobs.close()

    app = FastAPI(
        title="trellis-assets generation server",
        version=version("trellis-assets"),
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
            422: {"description": "The prompt or a setting cannot be used; the detail says why."},
            501: {"description": "The server has no such route."},
            503: {"description": "The queue is full, or the GPU has no memory: see Retry-After."},
            504: {"description": "Not done within the deadline."},
        },
    )
    async def generate(request: Request) -> Response:
        """A model of the prompt: SPZ, or PLY with `return_compressed=false`."""
        order, is_compressed = await read_form(request)
        if order.kind not in backend.kinds:
            raise HTTPException(422, f"{backend.name} takes no {order.kind} prompts")
        check_route(backend, order)
        splats = await _generated(jobs, order, request)
        encode = codec.encode_spz if is_compressed else codec.encode_ply
        answer = _model(await asyncio.to_thread(encode, splats), order.seed, is_compressed=is_compressed)
        answer.headers.update(picture_headers(backend, order))
        return answer

    @app.get("/health/")
    async def health() -> dict[str, str]:
        """Whether the server lives."""
        named = {"instance": instance} if instance is not None else {}
        return {"status": "healthy", "timestamp": datetime.now(UTC).isoformat(), **named}

    @app.get("/version/")
    async def tell_version() -> str:
        """The version of the server."""
        return version("trellis-assets")

    @app.get("/status/")
    async def status() -> dict[str, Any]:
        """What it holds, what it has done, and what waits."""
        return status_of(jobs, limits)

    @app.get("/job/status/")
    async def job_status() -> dict[str, Any]:
        """The job under way."""
        return {"job": _current(jobs), "waiting": jobs.waiting}

    @app.get("/config/")
    async def config() -> dict[str, Any]:
        """How it is set up."""
        return {
            "backend": backend.name,
            "kinds": sorted(backend.kinds),
            **described(backend),
            **asdict(limits),
        }

    @app.post("/clear_cache/")
    async def clear_cache() -> dict[str, Any]:
        """Models are unloaded and their GPU memory is free, once the job under way is done."""
        await jobs.unload()
        return {"status": "cleared", **asdict(backend.state())}

    app.include_router(picture_router(backend))
    return app


async def _generated(jobs: Jobs, order: Order, request: Request) -> GaussianSplats:
    later = {"Retry-After": str(RETRY_AFTER_S)}
    try:
        return await jobs.run(order, request.is_disconnected)
    except QueueFullError as error:
        raise HTTPException(503, f"the queue is full: {error}", headers=later) from None
    except DeadlineError as error:
        raise HTTPException(504, str(error)) from None
    except CallerGoneError:
        raise HTTPException(CLIENT_CLOSED_REQUEST) from None
    except GenerationError as error:
        if error.is_transient:
            raise HTTPException(503, str(error), headers=later) from None
        raise HTTPException(422, str(error)) from None


def _model(body: bytes, seed: int, *, is_compressed: bool) -> Response:
    name = f"model_{seed}.ply" + (".spz" if is_compressed else "")
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    if is_compressed:
        # Not a ratio, whatever it is called: callers read the megabytes.
        headers["X-Compression-Ratio"] = f"{len(body) / _MEGABYTE:.2f}MB"
    return Response(body, media_type="application/octet-stream", headers=headers)


def status_of(jobs: Jobs, limits: ServerLimits) -> dict[str, Any]:
    """The answer of `/status/`."""
    counts, state = jobs.counts, jobs.backend.state()
    ended = counts.successful + counts.failed
    return {
        "status": "busy" if jobs.current else "ready",
        "ready": len(jobs.held) <= limits.queue,
        "backend": jobs.backend.name,
        "routes": sorted(routes_of(jobs.backend)),
        "models_loaded": list(state.models_loaded),
        "gpu_memory": asdict(state.gpu_memory) if state.gpu_memory else None,
        "job": _current(jobs),
        "waiting": jobs.waiting,
        "metrics": {
            "total_generations": counts.total,
            "successful_generations": counts.successful,
            "failed_generations": counts.failed,
            "cancelled_generations": counts.cancelled,
            "refused_requests": counts.refused,
            "repeated_answers": counts.repeated,
            "success_rate": counts.successful / max(1, ended),
            "average_generation_time": counts.seconds / max(1, counts.successful),
            "last_generation_time": counts.last_s,
        },
        "config": asdict(limits),
    }


def _current(jobs: Jobs) -> dict[str, Any] | None:
    job = jobs.current
    if job is None or job.started_at is None:
        return None
    label = str(job.order.kind) if job.order.kind != "text" else printable(job.order.prompt)
    return {
        "number": job.number,
        "prompt": label,
        "seed": job.order.seed,
        "stage": job.stage,
        "progress": round(job.progress, 3),
        "running_s": round(time.monotonic() - job.started_at, 1),
    }


async def _unload_when_idle(jobs: Jobs, idle_s: float) -> None:
    while True:
        await asyncio.sleep(min(5.0, idle_s))
        is_idle = not jobs.held and time.monotonic() - jobs.last_used_at > idle_s
        if is_idle and jobs.backend.state().models_loaded:
            await jobs.unload()
