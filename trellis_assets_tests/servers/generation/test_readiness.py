"""A server says at once whether it can make models, over real sockets."""

import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from trellis_assets.adapters.splat_io.codec import BytesCodec
from trellis_assets.domain.backoff import BackoffPolicy
from trellis_assets.domain.endpoints.faults import FAULT_HEADER
from trellis_assets.domain.generation_requests import BackendState, GenerationRequest
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import BrokenGpuError, GenerationError, Watch
from trellis_assets.servers.generation import readiness
from trellis_assets.servers.generation.app import generation_app
from trellis_assets.servers.generation.readiness import retry_after_s
from trellis_assets.testing.splats import a_ball
from trellis_assets.testing.waiting import wait_until

Serve = Callable[[Any], str]


class LoadingBackend:
    """Loads when the test lets it, and as the test says."""

    name = "loading"
    kinds = frozenset({TaskKind.TEXT})

    def __init__(self, *failures: BaseException | None, is_open: bool = True) -> None:
        self.gate = threading.Event()
        if is_open:
            self.gate.set()
        self.failures = list(failures)
        self.loads = 0
        self.failure: Exception | None = None

    def load(self) -> None:
        self.gate.wait(20)
        self.loads += 1
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure

    def generate(self, request: GenerationRequest, watch: Watch) -> GaussianSplats:
        if self.failure is not None:
            raise self.failure
        return a_ball(100)

    def state(self) -> BackendState:
        return BackendState()

    def unload(self) -> None:
        """Has nothing loaded."""


def health(url: str) -> tuple[int, str, str]:
    answer = httpx.get(f"{url}/health/")
    told = answer.json()
    return answer.status_code, told["status"], told.get("detail", "")


def post(url: str) -> httpx.Response:
    return httpx.post(f"{url}/generate/", data={"prompt": "a vase"}, timeout=30)


def test_health_answers_while_models_load_and_orders_wait_for_them(serve: Serve) -> None:
    backend = LoadingBackend(is_open=False)
    url = serve(generation_app(backend, BytesCodec()))
    assert health(url)[:2] == (503, "loading")
    threading.Timer(0.3, backend.gate.set).start()
    assert post(url).status_code == 200
    assert health(url) == (200, "healthy", "")


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (GenerationError("the TRELLIS package is not installed", is_transient=False), "not installed"),
        (SystemExit(1), "sys.exit(1)"),
    ],
    ids=["missing", "exits"],
)
def test_a_server_that_cannot_load_says_so_and_refuses_no_prompt(
    serve: Serve, failure: BaseException, told: str
) -> None:
    url = serve(generation_app(LoadingBackend(failure), BytesCodec()))
    wait_until(lambda: health(url)[1] == "failed")
    status, _, detail = health(url)
    assert status == 503
    assert told in detail
    answer = post(url)
    assert (answer.status_code, answer.headers[FAULT_HEADER]) == (503, "server")
    assert told in answer.json()["detail"]
    assert httpx.get(f"{url}/status/").json()["health"]["status"] == "failed"


def test_a_hub_that_is_away_for_a_while_is_tried_again(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "TRANSIENT_BACKOFF", BackoffPolicy.of_seconds(0.05))
    away = GenerationError("the hub does not answer", is_transient=True)
    backend = LoadingBackend(away, away)
    url = serve(generation_app(backend, BytesCodec()))
    wait_until(lambda: health(url)[1] == "healthy")
    assert backend.loads == 3
    assert post(url).status_code == 200


def test_retries_are_rarer_the_longer_a_fault_stays_and_rare_where_it_lasts() -> None:
    passing = [retry_after_s(count, is_transient=True) for count in range(1, 8)]
    assert passing == [5, 10, 20, 40, 80, 120, 120]
    assert retry_after_s(1, is_transient=False) == 300


def test_a_lasting_fault_while_a_model_is_made_shows_in_the_health_and_models_are_loaded_anew(
    serve: Serve,
) -> None:
    backend = LoadingBackend()
    url = serve(generation_app(backend, BytesCodec()))
    wait_until(lambda: backend.loads == 1)
    backend.gate.clear()
    backend.failure = GenerationError("the weights are gone", is_transient=False)
    assert post(url).status_code == 500
    assert health(url) == (503, "failed", "the weights are gone")
    backend.failure = None
    backend.gate.set()
    wait_until(lambda: health(url)[1] == "healthy")
    assert backend.loads == 2
    assert post(url).status_code == 200


def test_a_passing_fault_leaves_the_server_healthy(serve: Serve) -> None:
    backend = LoadingBackend()
    url = serve(generation_app(backend, BytesCodec()))
    wait_until(lambda: health(url)[1] == "healthy")
    backend.failure = GenerationError("memory is full", is_transient=True)
    assert post(url).status_code == 503
    assert health(url)[1] == "healthy"


def test_a_lazy_server_loads_nothing_before_the_first_order(serve: Serve) -> None:
    backend = LoadingBackend()
    url = serve(generation_app(backend, BytesCodec(), is_lazy=True))
    assert health(url)[1] == "healthy"
    assert backend.loads == 0


def test_a_broken_gpu_ends_the_server_so_that_a_new_one_is_started(serve: Serve) -> None:
    gave_up = threading.Event()
    backend = LoadingBackend(BrokenGpuError("an illegal memory access"))
    serve(generation_app(backend, BytesCodec(), give_up=gave_up.set))
    assert gave_up.wait(10)
