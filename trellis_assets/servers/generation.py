"""The generation server: the routes and answers of a TRELLIS server (PROTOCOL 7)."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, Form, HTTPException, Response

from trellis_assets.domain.splats import GaussianSplats
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import GenerationError, Generator, SplatCodec

MAX_PROMPT = 1024
MAX_SEED = 2**31 - 1
QUEUE = 8
RETRY_AFTER_S = 5
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class _Jobs:
    """One generation at a time; a bounded number waits."""

    def __init__(self, generator: Generator, queue: int) -> None:
        self._generator, self._queue = generator, queue
        self._lock = asyncio.Lock()
        self.waiting = self.total = self.failed = 0
        self.last_s: float | None = None

    async def generate(self, prompt: str, seed: int) -> GaussianSplats:
        if self.waiting > self._queue:
            raise HTTPException(
                503, "the queue is full: try again", headers={"Retry-After": str(RETRY_AFTER_S)}
            )
        self.waiting += 1
        try:
            async with self._lock:
                return await self._run(prompt, seed)
        finally:
            self.waiting -= 1

    async def _run(self, prompt: str, seed: int) -> GaussianSplats:
        started = time.monotonic()
        self.total += 1
        generator = self._generator
        try:
            return await asyncio.to_thread(
                generator.generate, prompt, kind=TaskKind.TEXT, seed=seed, endpoint=generator.endpoints[0]
            )
        except GenerationError as error:
            self.failed += 1
            raise HTTPException(503 if error.is_transient else 422, str(error)) from None
        finally:
            self.last_s = time.monotonic() - started


def generation_app(generator: Generator, codec: SplatCodec, *, queue: int = QUEUE) -> FastAPI:
    """The server's application over any generator."""
    app = FastAPI(title="trellis-assets generation server")
    jobs = _Jobs(generator, queue)

    @app.post("/generate/")
    async def generate(
        prompt: Annotated[str, Form(min_length=1, max_length=MAX_PROMPT)],
        seed: Annotated[int, Form(ge=0, le=MAX_SEED)] = 0,
        return_compressed: Annotated[bool, Form()] = True,  # noqa: FBT002 - a form field
    ) -> Response:
        """A model of the prompt: SPZ, or PLY with `return_compressed=false`."""
        splats = await jobs.generate(prompt, seed)
        encode = codec.encode_spz if return_compressed else codec.encode_ply
        body = await asyncio.to_thread(encode, splats)
        name = f"model_{seed}.ply" + (".spz" if return_compressed else "")
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        if return_compressed:
            headers["X-Compression-Ratio"] = f"{len(body) / 1e6:.2f}MB"
        return Response(body, media_type="application/octet-stream", headers=headers)

    @app.get("/health/")
    async def health() -> dict[str, str]:
        """Whether the server lives."""
        return {"status": "healthy", "timestamp": datetime.now(UTC).isoformat()}

    @app.get("/status/")
    async def status() -> dict[str, Any]:
        """What it has done, and what waits."""
        done = jobs.total - jobs.failed
        metrics = {
            "total_generations": jobs.total,
            "successful_generations": done,
            "failed_generations": jobs.failed,
            "success_rate": done / max(1, jobs.total),
            "last_generation_time": jobs.last_s,
        }
        return {"status": "ready", "ready": True, "backend": generator.name, "waiting": jobs.waiting} | {
            "metrics": metrics
        }

    return app


def run_generation_server(generator: Generator, codec: SplatCodec, host: str, port: int) -> None:
    """Serve until stopped.

    Raises:
        ValueError: the host is not loopback; there is no token to keep strangers out yet.
    """
    if host not in LOOPBACK:
        raise ValueError(f"the generation server binds to 127.0.0.1 only, not to {host}")
    uvicorn.run(generation_app(generator, codec), host=host, port=port, log_level="info")
