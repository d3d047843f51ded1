"""The generation server over real sockets: its answers, its bounds, hostile callers."""

import base64
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from trellis_assets.adapters.generation.embedded.backend import EmbeddedBackend
from trellis_assets.adapters.prompt_lists import default_pictures
from trellis_assets.adapters.splat_io.codec import BytesCodec
from trellis_assets.adapters.splat_io.sniff import decode_splats
from trellis_assets.domain.endpoints.faults import FAULT_HEADER
from trellis_assets.domain.generation_requests import BackendState, GenerationRequest
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import GenerationError, PromptRefusedError, Watch
from trellis_assets.servers.generation.app import generation_app
from trellis_assets.servers.generation.limits import ServerLimits
from trellis_assets.servers.generation.run import MAX_BODY_BYTES, run_generation_server
from trellis_assets.servers.middleware import ExposureError, guarded
from trellis_assets.testing.splats import a_ball
from trellis_assets.testing.waiting import wait_until

Serve = Callable[[Any], str]


class GatedBackend:
    """Works on each request until the test lets it go on."""

    name = "gated"
    kinds = frozenset({TaskKind.TEXT})

    def __init__(self, *, is_open: bool = False, failure: Exception | None = None) -> None:
        self.gate = threading.Event()
        if is_open:
            self.gate.set()
        self.failure = failure
        self.requests: list[GenerationRequest] = []
        self.at_work = self.most_at_work = 0
        self.unloaded = 0
        self.loaded = ("weights",)

    def load(self) -> None:
        """Has nothing to load."""

    def generate(self, request: GenerationRequest, watch: Watch) -> GaussianSplats:
        self.requests.append(request)
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        try:
            while not self.gate.wait(0.02):
                watch("working", 0.5)
            if self.failure:
                raise self.failure
            return a_ball(100)
        finally:
            self.at_work -= 1

    def state(self) -> BackendState:
        return BackendState(self.loaded)

    def unload(self) -> None:
        self.unloaded += 1
        self.loaded = ()


class StubbornBackend(GatedBackend):
    """Past the point where it could be called off."""

    def generate(self, request: GenerationRequest, watch: Watch) -> GaussianSplats:
        self.requests.append(request)
        self.gate.wait(10)
        return a_ball(100)


def app_over(backend: Any, **limits: Any) -> Any:
    app = generation_app(backend, BytesCodec(), ServerLimits(**limits))
    return guarded(app, max_body=MAX_BODY_BYTES, host="127.0.0.1", token=None)


def post(url: str, **form: Any) -> httpx.Response:
    return httpx.post(f"{url}/generate/", data=form, timeout=60)


@pytest.fixture
def embedded(serve: Serve) -> str:
    return serve(app_over(EmbeddedBackend()))


def test_a_prompt_is_answered_with_spz_and_the_headers_of_trellis(embedded: str) -> None:
    answer = post(embedded, prompt="a red vase", seed=7)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="model_7.ply.spz"'
    assert answer.headers["x-compression-ratio"] == f"{len(answer.content) / 1e6:.2f}MB"
    assert len(decode_splats(answer.content)) == 32_000


def test_uncompressed_is_ply_and_without_a_seed_one_is_chosen(embedded: str) -> None:
    answers = [post(embedded, prompt="a red vase", return_compressed="false") for _ in range(2)]
    assert all(answer.content.startswith(b"ply\n") for answer in answers)
    names = {answer.headers["content-disposition"] for answer in answers}
    assert len(names) == 2
    assert all(name.endswith('.ply"') for name in names)


def test_a_picture_is_taken_as_text_and_as_a_file(embedded: str) -> None:
    picture = default_pictures()[0]
    as_text = post(embedded, prompt_image=picture, seed=1)
    file = ("a.webp", base64.b64decode(picture), "image/webp")
    for field in ("prompt_image", "prompt_image_file"):
        as_file = httpx.post(f"{embedded}/generate/", files={field: file}, data={"seed": "1"}, timeout=60)
        assert as_text.status_code == as_file.status_code == 200
        assert as_text.content == as_file.content


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({}, "either prompt"),
        ({"prompt": "  "}, "either prompt"),
        ({"prompt": "a", "prompt_image": "aGk="}, "not both"),
        ({"prompt": "x" * 1025}, "1024"),
        ({"prompt_image": "!!!"}, "not base64"),
        ({"prompt_image": "aGVsbG8="}, "no PNG"),
        ({"prompt": "a", "seed": "-1"}, "greater than or equal to 0"),
        ({"prompt": "a", "seed": "1e99"}, "valid integer"),
        ({"prompt": "a", "slat_sampling_steps": "100000"}, "less than or equal to 200"),
        ({"prompt": "a", "ss_guidance_strength": "nan"}, "finite number"),
        ({"prompt": "a", "guidance_scale": "inf"}, "finite number"),
        ({"prompt": "a", "return_compressed": "maybe"}, "valid boolean"),
    ],
)
def test_a_form_that_cannot_be_used_is_refused_with_the_reason(
    embedded: str, form: dict[str, str], reason: str
) -> None:
    answer = post(embedded, **form)
    assert answer.status_code == 422
    assert reason in answer.text


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "application/x-www-form-urlencoded", 422),
        (b"\x00\xff" * 500, "application/octet-stream", 422),
        (b"no boundary at all", "multipart/form-data; boundary=x", 400),
        (b"prompt=" + b"x" * 10_000_000, "application/x-www-form-urlencoded", 413),
    ],
    ids=["empty", "garbage", "broken multipart", "10 MB"],
)
def test_a_body_that_is_no_form_is_refused(
    embedded: str, body: bytes, content_type: str, status: int
) -> None:
    answer = httpx.post(f"{embedded}/generate/", content=body, headers={"content-type": content_type})
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_a_body_that_hides_its_length_is_bounded_too(embedded: str) -> None:
    def pieces() -> Any:
        for number in range(20):
            yield b"field%d=" % number + b"x" * 1_000_000 + b"&"

    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = httpx.post(f"{embedded}/generate/", content=pieces(), headers=headers, timeout=30)
    assert answer.status_code == 413


def test_fifty_callers_at_once_get_a_model_or_are_asked_to_come_back(serve: Serve) -> None:
    backend = GatedBackend()
    url = serve(app_over(backend, queue=10))
    with ThreadPoolExecutor(50) as callers:
        calls = [callers.submit(post, url, prompt=f"prompt {i}") for i in range(50)]
        wait_until(lambda: sum(call.done() for call in calls) == 39)
        backend.gate.set()
        answers = [call.result() for call in calls]
    assert Counter(answer.status_code for answer in answers) == {200: 11, 503: 39}
    assert all(int(a.headers["retry-after"]) > 0 for a in answers if a.status_code == 503)
    assert (len(backend.requests), backend.most_at_work) == (11, 1)
    metrics = httpx.get(f"{url}/status/").json()["metrics"]
    assert (metrics["successful_generations"], metrics["refused_requests"]) == (11, 39)


def test_progress_is_in_the_status(serve: Serve) -> None:
    backend = GatedBackend()
    url = serve(app_over(backend))
    with ThreadPoolExecutor(2) as callers:
        calls = [callers.submit(post, url, prompt="a\x1b[31mvase", seed=3) for _ in range(2)]
        wait_until(lambda: httpx.get(f"{url}/job/status/").json()["waiting"] == 1)
        wait_until(lambda: httpx.get(f"{url}/status/").json()["job"]["stage"] == "working")
        status = httpx.get(f"{url}/status/").json()
        assert status["status"] == "busy"
        assert status["job"] | {"running_s": 0, "number": 0} == {
            "number": 0,
            "prompt": "a [31mvase",
            "seed": 3,
            "stage": "working",
            "progress": 0.5,
            "running_s": 0,
        }
        backend.gate.set()
        assert {call.result().status_code for call in calls} == {200}
    assert httpx.get(f"{url}/status/").json()["status"] == "ready"


def test_a_caller_who_leaves_takes_the_job_along(serve: Serve) -> None:
    backend = GatedBackend()
    url = serve(app_over(backend))
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{url}/generate/", data={"prompt": "impatient"}, timeout=0.5)
    wait_until(lambda: httpx.get(f"{url}/status/").json()["metrics"]["cancelled_generations"] == 1)
    backend.gate.set()
    assert post(url, prompt="patient").status_code == 200


def test_a_model_whose_caller_died_is_not_made_twice(serve: Serve) -> None:
    """The worker is killed while the last stroke is made; whoever takes its task up asks the same."""
    backend = StubbornBackend()
    url = serve(app_over(backend))
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{url}/generate/", data={"prompt": "a", "seed": "7"}, timeout=0.3)
    backend.gate.set()
    wait_until(lambda: not httpx.get(f"{url}/job/status/").json()["job"])
    again = post(url, prompt="a", seed="7")
    as_ply = post(url, prompt="a", seed="7", return_compressed="false")
    assert (again.status_code, as_ply.status_code, len(backend.requests)) == (200, 200, 1)
    assert httpx.get(f"{url}/status/").json()["metrics"]["repeated_answers"] == 2


@pytest.mark.parametrize(
    "other", [{"seed": "8"}, {"prompt": "b"}, {"slat_sampling_steps": "30"}, {}], ids=str
)
def test_another_order_is_made_anew(serve: Serve, other: dict[str, str]) -> None:
    backend = GatedBackend(is_open=True)
    url = serve(app_over(backend))
    first = {"prompt": "a"} | ({"seed": "7"} if other else {})  # without a seed each is a new request
    post(url, **first)
    post(url, **first | other)
    assert len(backend.requests) == 2


def test_a_job_past_its_deadline_is_answered_504_and_makes_room(serve: Serve) -> None:
    backend = GatedBackend()
    url = serve(app_over(backend, deadline_s=0.4))
    assert post(url, prompt="slow").status_code == 504
    wait_until(lambda: backend.at_work == 0)
    backend.gate.set()
    assert post(url, prompt="quick").status_code == 200


@pytest.mark.parametrize(
    ("failure", "status", "fault"),
    [
        (GenerationError("no memory", is_transient=True), 503, "server"),
        (GenerationError("no weights", is_transient=False), 500, "server"),
        (PromptRefusedError("shows no object"), 422, "prompt"),
        (TypeError("of a library"), 500, "server"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_whose_fault_it_is_tells_the_status(
    serve: Serve, failure: Exception, status: int, fault: str
) -> None:
    url = serve(app_over(GatedBackend(is_open=True, failure=failure)))
    answer = post(url, prompt="a vase")
    assert (answer.status_code, answer.headers[FAULT_HEADER]) == (status, fault)
    assert str(failure) in answer.json()["detail"]
    assert ("retry-after" in answer.headers) == (status == 503)


def test_a_kind_of_prompt_that_the_backend_lacks_is_refused(serve: Serve) -> None:
    answer = post(serve(app_over(GatedBackend(is_open=True))), prompt_image=default_pictures()[0])
    assert (answer.status_code, answer.json()["detail"]) == (422, "gated takes no image prompts")


def test_sampler_settings_reach_the_backend(serve: Serve) -> None:
    backend = GatedBackend(is_open=True)
    url = serve(app_over(backend))
    post(url, prompt="a", ss_sampling_steps=20, slat_guidance_strength=4.5, guidance_scale=0)
    sampling = backend.requests[0].sampling
    assert (sampling.ss_steps, sampling.slat_guidance, sampling.image_guidance) == (20, 4.5, 0)
    assert (sampling.slat_steps, sampling.ss_guidance) == (None, None)


def test_idle_models_are_unloaded_and_so_they_are_on_demand(serve: Serve) -> None:
    idle, asked = GatedBackend(), GatedBackend()
    serve(app_over(idle, idle_unload_s=0.05))
    wait_until(lambda: idle.unloaded > 0)
    url = serve(app_over(asked))
    assert httpx.post(f"{url}/clear_cache/").json()["models_loaded"] == []


def test_health_version_and_openapi_are_there(embedded: str) -> None:
    assert httpx.get(f"{embedded}/health/").json()["status"] == "healthy"
    assert isinstance(httpx.get(f"{embedded}/version/").json(), str)
    assert httpx.get(f"{embedded}/config/").json()["kinds"] == ["image", "text"]
    document = httpx.get(f"{embedded}/openapi.json").json()["paths"]["/generate/"]["post"]
    form = document["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    assert {"prompt", "prompt_image", "seed", "slat_sampling_steps"} <= set(form)


def test_a_page_that_rebinds_its_name_is_not_answered(embedded: str) -> None:
    answer = httpx.get(f"{embedded}/status/", headers={"host": "evil.example:80"})
    assert answer.status_code == 421


def test_with_a_token_strangers_only_see_that_the_server_lives(serve: Serve) -> None:
    app = generation_app(GatedBackend(is_open=True), BytesCodec())
    url = serve(guarded(app, max_body=10_000, host="0.0.0.0", token="s3cret"))
    assert httpx.get(f"{url}/health/").status_code == 200
    assert post(url, prompt="a").status_code == 401
    for sent, status in [("Bearer wrong", 401), ("s3cret", 401), ("Bearer s3cret", 200)]:
        answer = httpx.post(f"{url}/generate/", data={"prompt": "a"}, headers={"authorization": sent})
        assert answer.status_code == status


def test_the_server_does_not_open_to_other_machines_without_a_token() -> None:
    limits = ServerLimits()
    with pytest.raises(ExposureError, match="set TRELLIS_SERVER_TOKEN"):
        run_generation_server(EmbeddedBackend(), BytesCodec(), limits, host="0.0.0.0", port=1, token=None)
