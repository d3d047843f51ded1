"""What the server tells of itself: whether it can make models, what it is doing, how it is set up."""

import time
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from trellis_assets.domain.tasks import printable
from trellis_assets.servers.generation.jobs import Jobs
from trellis_assets.servers.generation.limits import ServerLimits
from trellis_assets.servers.generation.picture_routes import described, routes_of
from trellis_assets.servers.generation.readiness import Readiness, ServerState
from trellis_assets.system.compat import UTC

# The server is shipped with the product, or alone.
_DISTRIBUTIONS = ("trellis-assets", "trellis-assets-server")


def server_version() -> str:
    """Return the version of the distribution that the server came with."""
    for name in _DISTRIBUTIONS:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "unknown"


def status_router(readiness: Readiness, limits: ServerLimits, instance: str | None) -> APIRouter:
    """Return the routes."""
    router, jobs = APIRouter(), readiness.jobs
    backend = jobs.backend

    @router.get("/health/")
    async def health() -> JSONResponse:
        """Return whether the server can make models: 200 `healthy`, or 503 `loading` or `failed` and why."""
        told = health_of(readiness) | ({"instance": instance} if instance is not None else {})
        return JSONResponse(told, 200 if readiness.state is ServerState.HEALTHY else 503)

    @router.get("/version/")
    async def tell_version() -> str:
        """Return the version of the server."""
        return server_version()

    @router.get("/status/")
    async def status() -> dict[str, Any]:
        """Return what is loaded, the active job, and counts."""
        return status_of(jobs, limits) | {"health": health_of(readiness)}

    @router.get("/job/status/")
    async def job_status() -> dict[str, Any]:
        """Return the active job."""
        return {"job": _current(jobs), "waiting": jobs.waiting}

    @router.get("/config/")
    async def config() -> dict[str, Any]:
        """Return the server's settings."""
        return {
            "backend": backend.name,
            "kinds": sorted(backend.kinds),
            **described(backend),
            **asdict(limits),
        }

    return router


def health_of(readiness: Readiness) -> dict[str, str]:
    """Return the answer of `/health/`."""
    told = {"status": str(readiness.state), "timestamp": datetime.now(UTC).isoformat()}
    return told | ({"detail": readiness.reason} if readiness.reason else {})


def status_of(jobs: Jobs, limits: ServerLimits) -> dict[str, Any]:
    """Return the answer of `/status/`."""
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
    label = str(job.request.kind) if job.request.kind != "text" else printable(job.request.prompt)
    return {
        "number": job.number,
        "prompt": label,
        "seed": job.request.seed,
        "stage": job.stage,
        "progress": round(job.progress, 3),
        "running_s": round(time.monotonic() - job.started_at, 1),
    }
