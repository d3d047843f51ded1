"""The subnet's scoring service over any judge of ours (PROTOCOL 6.1), for other tools to ask."""

import asyncio
import base64
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from trellis_assets.adapters.rendering.cpu import RenderCostError
from trellis_assets.adapters.rendering.pictures import ByteImages, png_bytes, validator_views
from trellis_assets.adapters.splat_io.errors import SplatFormatError
from trellis_assets.adapters.validation.http import TOO_COSTLY
from trellis_assets.adapters.validation.scorer import SplatJudge
from trellis_assets.domain.splats.splats import GaussianSplats, is_well_formed
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.ports import TooCostlyToJudgeError, ValidationUnavailableError
from trellis_assets.servers.validation.requests import ModelInRequest, ScoreAnswer, ScoreRequest

# The version of the service whose answers these are.
API_VERSION = "2.4.0"
SINGLE_VIEW = 1
GRID_VIEWS = (1, 5, 9, 13)
GRID_GAP = 5
_log = logging.getLogger(__name__)


def validation_app(judge: SplatJudge) -> FastAPI:
    """Return the service's application. It judges one model at a time, as the subnet's does."""
    app = FastAPI(title="trellis-assets validation server", version=API_VERSION)
    worker = ThreadPoolExecutor(1, thread_name_prefix="judging")

    @app.exception_handler(RequestValidationError)
    async def unreadable(_: Request, error: RequestValidationError) -> JSONResponse:
        """Return what is wrong, without the body, which may be large and not Unicode."""
        return JSONResponse(
            {"detail": [{k: e[k] for k in ("type", "loc", "msg")} for e in error.errors()]}, 422
        )

    async def answer(request: ScoreRequest, kind: TaskKind, prompt: str | None) -> ScoreAnswer:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(worker, score_of, judge, request, kind, prompt)

    @app.post("/validate_txt_to_3d_ply/")
    async def validate_text(request: ScoreRequest) -> ScoreAnswer:
        """Return the score of a model made from words; 0 with a detail where it cannot be scored."""
        return await answer(request, TaskKind.TEXT, request.prompt)

    @app.post("/validate_img_to_3d_ply/")
    async def validate_image(request: ScoreRequest) -> ScoreAnswer:
        """Return the score of a model made from a picture; 0 with a detail where it cannot be scored."""
        return await answer(request, TaskKind.IMAGE, request.prompt_image)

    @app.post("/render_duel_view/", response_class=Response)
    async def render(request: ModelInRequest) -> Response:
        """Return the four views that models are compared by, as PNG."""
        loop = asyncio.get_running_loop()
        try:
            picture = await loop.run_in_executor(worker, lambda: _grid(_views(request.splats())))
        except SplatFormatError as error:
            raise HTTPException(400, str(error)) from None
        except RenderCostError as error:
            raise HTTPException(TOO_COSTLY, str(error)) from None
        return Response(picture, media_type="image/png")

    _add_state(app, judge, worker)
    return app


def _add_state(app: FastAPI, judge: SplatJudge, worker: ThreadPoolExecutor) -> None:
    """Add the routes that say who serves; the judge is tried before the first model comes."""
    trial = worker.submit(judge.problem)

    @app.get("/version/")
    async def version() -> str:
        """Return the version of the service's API, as a JSON string."""
        return API_VERSION

    @app.get("/health/")
    async def health() -> dict[str, str | None]:
        """Return who judges, and what was found when it was tried at the start."""
        if not trial.done():
            return {"status": "starting", "judge": judge.name, "problem": "the judge is being tried"}
        problem = trial.result()
        status = "unhealthy" if problem else "healthy"
        return {"status": status, "judge": judge.name, "problem": problem}


def score_of(judge: SplatJudge, request: ScoreRequest, kind: TaskKind, prompt: str | None) -> ScoreAnswer:
    """Return the answer to a request: as the subnet's, a zero score where there is nothing to score."""
    if not prompt:
        return ScoreAnswer(detail="there is no prompt" if kind is TaskKind.TEXT else "there is no picture")
    try:
        splats = request.splats()
        verdict = judge.judge(splats, prompt=prompt, kind=kind)
    except SplatFormatError as error:
        return ScoreAnswer(detail=f"the model cannot be read: {error}")
    except TooCostlyToJudgeError as error:
        raise HTTPException(TOO_COSTLY, str(error)) from None
    except ValidationUnavailableError as error:
        _log.exception("no verdict")
        raise HTTPException(503, str(error)) from None
    answer = _answer_of(verdict)
    if verdict.score > request.preview_score_threshold:
        _add_previews(answer, request, splats)
    return answer


def _add_previews(answer: ScoreAnswer, request: ScoreRequest, splats: GaussianSplats) -> None:
    """Add the pictures that are asked for; where none can be drawn, the detail says why."""
    if not (request.generate_single_preview or request.generate_grid_preview):
        return
    try:
        views = _views(splats)
    except (SplatFormatError, RenderCostError) as error:
        answer.detail = "; ".join(filter(None, (answer.detail, f"no preview: {error}")))
        return
    answer.preview = _base64(png_bytes(views[SINGLE_VIEW])) if request.generate_single_preview else None
    answer.grid_preview = _base64(_grid(views)) if request.generate_grid_preview else None


def _answer_of(verdict: Verdict) -> ScoreAnswer:
    """Return the verdict in the service's fields; the embedded parts go where they are nearest in kind."""
    parts = verdict.parts
    return ScoreAnswer(
        score=verdict.score,
        iqa=parts.get("iqa", verdict.score),
        alignment_score=parts.get("alignment", parts.get("likeness", 0.0)),
        ssim=parts.get("ssim", parts.get("consistency", 0.0)),
        lpips=parts.get("lpips", 0.0),
        detail="; ".join(verdict.failed_checks) or None,
        parts=dict(parts),
    )


def _views(splats: GaussianSplats) -> ByteImages:
    usable = splats.subset(is_well_formed(splats))
    if len(usable) == 0:
        raise SplatFormatError("no splat of the model can be rendered")
    return validator_views(usable)


def _grid(views: ByteImages) -> bytes:
    """Return four views, two by two, with a black gap, as PNG."""
    chosen = [views[index] for index in GRID_VIEWS]
    rows = [_beside(chosen[:2], axis=1), _beside(chosen[2:], axis=1)]
    return png_bytes(_beside(rows, axis=0))


def _beside(pictures: Sequence[ByteImages], axis: int) -> ByteImages:
    gap_shape = list(pictures[0].shape)
    gap_shape[axis] = GRID_GAP
    return np.concatenate([pictures[0], np.zeros(gap_shape, np.uint8), pictures[1]], axis=axis)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
