"""A generation server with a known service time: one model at a time, always the same one.

Each generation is a line of a log: what was asked for, when it began and when it ended.
"""

import argparse
import asyncio
import json
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import uvicorn
from fastapi import FastAPI, Form
from fastapi.responses import Response

from trellis_assets.adapters.splat_io.codec import BytesCodec
from trellis_assets.domain.splats.splats import GaussianSplats

# A little more than the least that validators accept.
SPLATS = 8000


def small_model() -> GaussianSplats:
    """Return opaque splats on a ball: valid, and quick to read and write."""
    rng = np.random.default_rng(17)
    normals = rng.normal(size=(SPLATS, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return GaussianSplats(
        positions=(normals / 2).astype(np.float32),
        log_scales=np.full((SPLATS, 3), np.log(0.02), np.float32),
        rotations=np.tile(np.array([1, 0, 0, 0], np.float32), (SPLATS, 1)),
        opacity_logits=np.full(SPLATS, 4, np.float32),
        sh_dc=normals.astype(np.float32),
        sh_rest=np.zeros((SPLATS, 0, 3), np.float32),
    )


def application(service_s: float, log: Path) -> FastAPI:
    """Return the server; it logs each generation when it ends."""
    app = FastAPI()
    model = BytesCodec().encode_spz(small_model())
    one_at_a_time = asyncio.Lock()
    lines = log.open("a", encoding="utf-8", buffering=1)

    @app.post("/generate/")
    async def generate(prompt: Annotated[str, Form()], seed: Annotated[int, Form()] = 0) -> Response:  # noqa: ARG001
        received = time.time()
        async with one_at_a_time:
            started = time.time()
            if service_s > 0:
                await asyncio.sleep(service_s)
            ended = time.time()
        line = {"prompt": prompt, "received": received, "started": started, "ended": ended}
        lines.write(json.dumps(line) + "\n")
        return Response(model, media_type="application/octet-stream")

    @app.get("/health/")
    async def health() -> dict[str, str]:
        return {"status": "ready"}

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--service-s", type=float, required=True)
    parser.add_argument("--log", type=Path, required=True)
    arguments = parser.parse_args()
    served = application(arguments.service_s, arguments.log)
    uvicorn.run(served, host=arguments.host, port=arguments.port, log_level="warning", access_log=False)
