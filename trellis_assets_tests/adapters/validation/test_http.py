"""The scoring service's client against real servers, good and bad."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from trellis_assets.adapters.splat_io.spz import encode_spz
from trellis_assets.adapters.validation.http import Api, HttpValidator
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.ports import ValidationUnavailableError
from trellis_assets.testing.fakes import FakeClock
from trellis_assets.testing.hostile_server import Request, serving
from trellis_assets.testing.splats import a_ball

SPZ = encode_spz(a_ball())
GOOD = {"score": 0.81, "iqa": 0.9, "alignment_score": 0.7, "ssim": 0.95, "lpips": 0.8, "preview": None}


class Service:
    """Answers as the scoring service does, and remembers what it was asked."""

    def __init__(self, answer: Any = GOOD, *, version: bytes = b'"2.4.0"', status: int = 200) -> None:
        self.answer = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.version, self.status = version, status
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, request: Request) -> None:
        if request.path == "/version/":
            request.answer(self.version)
            return
        self.asked.append((request.path, json.loads(request.body)))
        request.answer(self.answer, status=self.status)


def ask(
    service: Callable[[Request], None],
    *,
    api: Api | None = "2.4",
    kind: TaskKind = TaskKind.TEXT,
    spz: bytes = SPZ,
    timeout_s: float = 10,
) -> Verdict:
    with serving(service) as url:
        validator = HttpValidator(url, timeout_s=timeout_s, clock=FakeClock(), api=api)
        return validator.validate(spz, prompt="a ball", kind=kind)


def test_the_score_and_its_parts_come_back_by_name() -> None:
    verdict = ask(Service())
    assert verdict.score == 0.81
    assert verdict.parts == {"iqa": 0.9, "alignment": 0.7, "ssim": 0.95, "lpips": 0.8}
    assert verdict.is_valid


def test_the_service_gets_the_very_bytes_that_would_be_submitted() -> None:
    service = Service()
    ask(service)
    ((path, fields),) = service.asked
    assert path == "/validate_txt_to_3d_ply/"
    assert base64.b64decode(fields.pop("data")) == SPZ
    assert fields == {
        "prompt": "a ball",
        "compression": 2,
        "generate_single_preview": False,
        "generate_grid_preview": False,
    }


def test_the_older_service_is_asked_in_its_own_shape() -> None:
    service = Service()
    ask(service, api="2.0")
    assert set(service.asked[0][1]) == {"prompt", "data", "compression", "generate_preview"}


def test_an_image_prompt_goes_to_the_image_route() -> None:
    service = Service()
    ask(service, kind=TaskKind.IMAGE)
    path, fields = service.asked[0]
    assert path == "/validate_img_to_3d_ply/"
    assert fields["prompt_image"] == "a ball"
    assert "prompt" not in fields


@pytest.mark.parametrize(
    ("version", "flag"),
    [
        (b'"2.4.0"', "generate_grid_preview"),
        (b'"2.0.0"', "generate_preview"),
        (b'"3.0"', "generate_grid_preview"),
        (b"<html>", "generate_grid_preview"),
        (b"24", "generate_grid_preview"),
    ],
)
def test_the_shape_follows_the_services_version(version: bytes, flag: str) -> None:
    service = Service(version=version)
    ask(service, api=None)
    assert flag in service.asked[0][1]


def test_a_score_above_one_is_one_and_missing_parts_are_left_out() -> None:
    verdict = ask(Service({"score": 1.2, "iqa": 1.0}))
    assert verdict.score == 1
    assert verdict.parts == {"iqa": 1.0}


def test_a_model_that_misses_the_prompt_scores_zero_and_is_a_verdict() -> None:
    assert ask(Service(GOOD | {"score": 0.0, "alignment_score": 0.2})).score == 0


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"[" * 100_000,
        b"[1, 2]",
        {},
        GOOD | {"score": None},
        GOOD | {"score": "0.9"},
        GOOD | {"score": True},
        GOOD | {"score": -0.1},
        GOOD | {"score": 7},
        GOOD | {"ssim": float("nan")},
        GOOD | {"iqa": float("inf")},
        GOOD | {"lpips": 10**400},
        dict.fromkeys(GOOD, 0.0),
    ],
    ids=lambda answer: str(answer)[:40],
)
def test_an_answer_that_cannot_be_a_score_is_no_verdict(answer: Any) -> None:
    with pytest.raises(ValidationUnavailableError) as refused:
        ask(Service(answer))
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("status", [302, 422, 500, 503])
def test_status_other_than_200_gives_no_verdict(status: int) -> None:
    with pytest.raises(ValidationUnavailableError, match=str(status)):
        ask(Service(status=status))


def test_slow_service_gives_no_verdict() -> None:
    with pytest.raises(ValidationUnavailableError, match="did not answer"):
        ask(lambda _: time.sleep(0.6), timeout_s=0.2)


def test_a_service_that_is_away_is_no_verdict_whether_its_version_is_known_or_not() -> None:
    for api in ("2.4", None):
        validator = HttpValidator("http://127.0.0.1:9", timeout_s=1, clock=FakeClock(), api=api)
        with pytest.raises(ValidationUnavailableError, match="cannot be reached"):
            validator.validate(SPZ, prompt="a ball", kind=TaskKind.TEXT)


@pytest.mark.parametrize(
    ("spz", "reason"), [(encode_spz(a_ball(6999)), "6999"), (b"rubbish", "cannot be read")]
)
def test_invalid_data_is_a_failed_check_without_a_request(spz: bytes, reason: str) -> None:
    service = Service()
    verdict = ask(service, spz=spz)
    assert verdict.score == 0
    assert reason in verdict.failed_checks[0]
    assert service.asked == []


def test_invalid_url_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="http"):
        HttpValidator("validator:8094", clock=FakeClock())
