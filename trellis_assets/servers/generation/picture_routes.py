"""The picture route over HTTP: which routes there are, and the pictures that a model was made from."""

from typing import Any

from fastapi import APIRouter, HTTPException, Response
from starlette.status import HTTP_501_NOT_IMPLEMENTED

from trellis_assets.domain.endpoints.faults import FAULT_HEADER, SERVER_FAULT
from trellis_assets.domain.generation_requests import GenerationRequest, PictureKind, Route
from trellis_assets.domain.generation_settings import SETTINGS_HEADER, header_of
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import PictureRoute, RecordsSettings, ServerBackend

# An answer with a model names what to ask `GET /models/{id}/{picture}.png` for.
MODEL_ID, PICTURES = "X-Model-Id", "X-Model-Pictures"


def routes_of(backend: ServerBackend) -> frozenset[Route]:
    """Return the routes that words can take."""
    if isinstance(backend, PictureRoute):
        return backend.routes
    return frozenset({Route.DIRECT}) if TaskKind.TEXT in backend.kinds else frozenset()


def check_route(backend: ServerBackend, request: GenerationRequest) -> None:
    """Raise unless the backend has the route that the request asks for.

    Raises:
        HTTPException: 501. How the server is set up is at fault, not the prompt: the caller must keep
            its task, and may find another server.
    """
    if request.route is None or request.route in routes_of(backend):
        return
    advice = "TRELLIS_SERVER_PICTURE_MODEL" if request.route is Route.PICTURE else "TRELLIS_TEXT_MODEL"
    reason = f"this server has no {request.route} route: set {advice} on it, or ask for another route"
    raise HTTPException(HTTP_501_NOT_IMPLEMENTED, reason, headers={FAULT_HEADER: SERVER_FAULT})


def picture_headers(backend: ServerBackend, request: GenerationRequest) -> dict[str, str]:
    """Return the headers that tell of the model's pictures; none where it has none."""
    if not isinstance(backend, PictureRoute) or not (made := backend.pictures(request.model_id)):
        return {}
    return {MODEL_ID: request.model_id, PICTURES: ",".join(made)}


def settings_headers(backend: ServerBackend, request: GenerationRequest) -> dict[str, str]:
    """Return the header that tells what the model was made with; none where the backend does not know."""
    used = backend.used_settings(request) if isinstance(backend, RecordsSettings) else None
    return {} if used is None else {SETTINGS_HEADER: header_of(used)}


def described(backend: ServerBackend) -> dict[str, Any]:
    """Return what `/config/` tells of the routes."""
    return backend.describe() if isinstance(backend, PictureRoute) else {"routes": sorted(routes_of(backend))}


def picture_router(backend: ServerBackend) -> APIRouter:
    """Return the route to the pictures of the last models."""
    router = APIRouter()

    @router.get(
        "/models/{model_id}/{name}.png",
        response_class=Response,
        responses={
            200: {"content": {"image/png": {}}},
            404: {"description": "No such picture (any more)."},
        },
    )
    def picture(model_id: str, name: PictureKind) -> Response:
        """Return a picture that a model was made from."""
        files = backend.pictures(model_id) if isinstance(backend, PictureRoute) else {}
        if name not in files:
            raise HTTPException(404, "no such picture, or no longer: the last few are kept")
        return Response(files[name], media_type="image/png")

    return router
