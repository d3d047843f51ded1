"""Routes of the gallery's models: the grid with its filter, a model's page, its pictures and files."""

from collections.abc import Callable

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, Response

from trellis_assets.domain.candidates import describe_decision
from trellis_assets.domain.generation_requests import PictureKind
from trellis_assets.domain.model_filter import FilterError, ModelFilter, filter_from
from trellis_assets.domain.tasks import Task, TaskState, printable
from trellis_assets.ports import ModelCatalogue
from trellis_assets.servers.gallery import view_models
from trellis_assets.servers.gallery.model_files import ModelFiles, ModelFormat, NoModelError, prompt_png
from trellis_assets.servers.gallery.pages import CACHED, Pages

PAGE = 48
_LONGEST_REASON = 1_000
_FIELDS = ("text", "validator", "outcome", "tasks", "score", "day")
# Databases have no larger integers.
_LARGEST_KEY = 2**63


def model_routes(catalogue: ModelCatalogue, pages: Pages, notice: Callable[[], str | None]) -> APIRouter:
    """Return the routes of the grid and of a model's page."""
    router = APIRouter()

    @router.get("/models")
    def grid(request: Request) -> HTMLResponse:
        """Show the newest models that match the filter."""
        given = dict(request.query_params)
        wanted, problem = _wanted(given)
        tasks = [] if problem else catalogue.models(wanted, PAGE)
        return pages.render(
            "models",
            status=400 if problem else 200,
            cards=[view_models.card(task) for task in tasks],
            given={name: given.get(name, "") for name in _FIELDS},
            validators=catalogue.validators(),
            outcomes=[(str(state), str(state).replace("_", " ")) for state in TaskState],
            older=view_models.older_page(tasks, given) if len(tasks) == PAGE else None,
            problem=problem,
            notice=notice(),
        )

    @router.get("/models/{key}")
    def model(key: int) -> HTMLResponse:
        """Show one model: its splats in 3D, its facts, its files."""
        task = _task(catalogue, key)
        previous, following = catalogue.neighbours(key)
        return pages.render(
            "model",
            task=view_models.card(task),
            facts=view_models.facts(task),
            made_from=view_models.made_from(task),
            candidates=view_models.candidate_cards(key, catalogue.candidates(key)),
            decisions=[
                printable(describe_decision(decision), _LONGEST_REASON)
                for decision in catalogue.decisions(key)
            ],
            previous=previous,
            following=following,
            run_id=task.run_id,
        )

    return router


def file_routes(catalogue: ModelCatalogue, models: ModelFiles) -> APIRouter:
    """Return the routes of a model's pictures and files."""
    router = APIRouter()

    @router.get("/models/{key}/preview.webp")
    def picture(key: int) -> Response:
        """Send the picture of the model."""
        try:
            return Response(models.picture(_task(catalogue, key)), media_type="image/webp", headers=CACHED)
        except NoModelError as error:
            raise HTTPException(404, str(error)) from None

    @router.get("/models/{key}/prompt.png")
    def asked(key: int) -> Response:
        """Send the image prompt."""
        try:
            return Response(prompt_png(_task(catalogue, key)), media_type="image/png", headers=CACHED)
        except NoModelError as error:
            raise HTTPException(404, str(error)) from None

    @router.get("/models/{key}/made-from/{kind}.webp")
    def made_from(key: int, kind: PictureKind) -> Response:
        """Send a picture that the model was made from."""
        try:
            picture = models.made_from(_task(catalogue, key), kind)
        except NoModelError as error:
            raise HTTPException(404, str(error)) from None
        return Response(picture, media_type="image/webp", headers=CACHED)

    @router.get("/models/{key}/model.{form}")
    def download(key: int, form: str) -> Response:
        """Send the model as a file."""
        if form not in set(ModelFormat):
            raise HTTPException(
                404, f"there is no format {form!r:.40}: choose one of {', '.join(ModelFormat)}"
            )
        try:
            data = models.file(_task(catalogue, key), ModelFormat(form))
        except NoModelError as error:
            raise HTTPException(404, str(error)) from None
        named = {"content-disposition": f'attachment; filename="task-{key}.{form}"'}
        return Response(data, media_type="application/octet-stream", headers=CACHED | named)

    return router


def candidate_routes(catalogue: ModelCatalogue, models: ModelFiles) -> APIRouter:
    """Return the route of the candidates' pictures."""
    router = APIRouter()

    @router.get("/models/{key}/candidates/{name}.webp")
    def candidate(key: int, name: str) -> Response:
        """Send the picture of a candidate."""
        made = catalogue.candidates(_task(catalogue, key).key)
        found = next((each for each in made if view_models.candidate_name(each) == name), None)
        if found is None or found.spz is None or not found.is_usable:
            raise HTTPException(404, "there is no such candidate, or its file is deleted")
        try:
            return Response(models.drawn(found.spz), media_type="image/webp", headers=CACHED)
        except NoModelError as error:
            raise HTTPException(404, str(error)) from None

    return router


def _task(catalogue: ModelCatalogue, key: int) -> Task:
    task = catalogue.task(key) if 0 < key < _LARGEST_KEY else None
    if task is None:
        raise HTTPException(404, f"there is no task {key}")
    return task


def _wanted(given: dict[str, str]) -> tuple[ModelFilter, str]:
    """Return the filter, and what is wrong with what was given."""
    try:
        return filter_from(given), ""
    except FilterError as error:
        return ModelFilter(), str(error)
