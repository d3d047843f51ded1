"""Requests of strangers to our servers: refused with a status of theirs, never a crash of ours."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from trellis_assets.adapters.generation.embedded.backend import EmbeddedBackend
from trellis_assets.adapters.splat_io.codec import BytesCodec
from trellis_assets.adapters.validation.embedded.validator import EmbeddedValidator
from trellis_assets.cli import app
from trellis_assets.composition import Pipeline
from trellis_assets.servers.gallery.run import guarded_gallery
from trellis_assets.servers.generation.app import generation_app
from trellis_assets.servers.middleware import guarded
from trellis_assets.servers.validation.app import validation_app
from trellis_assets.settings import Settings
from trellis_assets.system.clock import SystemClock

QUICK = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
THEIR_FAULT = {400, 404, 405, 413, 421, 422}
Serve = Callable[[Any], str]


@pytest.fixture
def servers(tmp_path: Path, serve: Serve) -> Iterator[dict[str, httpx.Client]]:
    generator = generation_app(EmbeddedBackend(), BytesCodec())
    judge = validation_app(EmbeddedValidator(SystemClock()))
    gallery = guarded_gallery(
        Pipeline(Settings.load(data_dir=tmp_path)).reports.gallery_parts(), host="127.0.0.1", token=None
    )
    apps = {
        "generation": guarded(generator, max_body=100_000, host="127.0.0.1", token=None),
        "validation": guarded(judge, max_body=100_000, host="127.0.0.1", token=None),
        "gallery": gallery,
    }
    clients = {name: httpx.Client(base_url=serve(made), timeout=30) for name, made in apps.items()}
    yield clients
    for client in clients.values():
        client.close()


texts = st.text(max_size=30)
values = st.none() | st.booleans() | st.integers() | st.floats() | texts
kinds = st.sampled_from(
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "text/x",
        "",
    ]
)
parts = st.lists(
    st.sampled_from(
        [
            b"--x",
            b"\r\n",
            b"--x--",
            b'Content-Disposition: form-data; name="prompt"',
            b'; filename="../../a"',
            b"\0",
            b'Content-Disposition: form-data; name="seed"',
            b"Content-Type: text/plain; charset=utf-7",
            b"1e999",
            b"=",
        ]
    ),
    max_size=10,
).map(b"".join)


@QUICK
@given(kinds, st.binary(max_size=200) | parts)
@example("multipart/form-data; boundary=x", b"--x\r\n" * 2000)
@example("application/x-www-form-urlencoded", b"a=b&" * 20_000)
def test_any_body_to_the_generation_server(servers: dict[str, httpx.Client], kind: str, body: bytes) -> None:
    answer = servers["generation"].post("/generate/", content=body, headers={"content-type": kind})
    assert answer.status_code in THEIR_FAULT, answer.text
    assert servers["generation"].get("/health/").status_code == 200


fields = [
    "seed",
    "return_compressed",
    "guidance_scale",
    "ss_sampling_steps",
    "slat_guidance_strength",
    "unknown",
]


@QUICK
@given(st.dictionaries(st.sampled_from(fields), texts | st.just("9" * 5000), min_size=1))
@example({"guidance_scale": "nan"})
@example({"seed": "1e400"})
def test_any_form_to_the_generation_server(servers: dict[str, httpx.Client], form: dict[str, str]) -> None:
    answer = servers["generation"].post("/generate/", data=form)
    assert answer.status_code in THEIR_FAULT, "without a prompt nothing is made"
    assert "9" * 1000 not in answer.text, "what was sent is not sent back"


models = st.fixed_dictionaries(
    {},
    optional={
        "prompt": values,
        "data": texts | values,
        "compression": st.sampled_from([0, 1, 2, 3]) | values,
        "prompt_image": values,
        "preview_score_threshold": values,
        "generate_grid_preview": values,
    },
)


@QUICK
@given(
    st.sampled_from(["/validate_txt_to_3d_ply/", "/validate_img_to_3d_ply/", "/render_duel_view/"]),
    st.binary(max_size=100) | models.map(json.dumps).map(str.encode),
)
@example("/validate_txt_to_3d_ply/", b"[" * 90_000)
@example("/validate_txt_to_3d_ply/", b'{"data": "' + b"A" * 50_000 + b'", "prompt": "\\ud800"}')
@example(
    "/validate_txt_to_3d_ply/", b'{"data": "cGx5Cg==", "prompt": "x", "compression": ' + b"9" * 5000 + b"}"
)
def test_any_body_to_the_validation_server(servers: dict[str, httpx.Client], route: str, body: bytes) -> None:
    answer = servers["validation"].post(route, content=body, headers={"content-type": "application/json"})
    if answer.status_code == 200:
        assert answer.json()["score"] == 0, answer.text
    else:
        assert answer.status_code in THEIR_FAULT, answer.text


@QUICK
@given(st.dictionaries(st.sampled_from(["text", "validator", "score", "day", "before", "x"]), texts))
@example({"before": "9" * 5000})
@example({"score": "nan"})
@example({"text": "%' OR 1=1; --"})
@example({"text": "\0"})
@example({"validator": "\0"})
def test_any_filter_of_the_gallery(servers: dict[str, httpx.Client], query: dict[str, str]) -> None:
    answer = servers["gallery"].get("/models", params=query)
    assert answer.status_code in {200, 400}, answer.text
    assert "<script>" not in answer.text


@QUICK
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(["name", "form", "since", "until"], texts)))
@example({"name": "../../etc/passwd", "form": "csv"})
@example({"name": "rewards", "form": "../x"})
@example({"name": "rewards", "form": "csv", "since": "9999-12-31", "until": "9999-12-31"})
@example({"name": "rewards", "form": "csv", "since": "0001-01-01", "until": "0001-01-01"})
def test_any_report_of_the_gallery(servers: dict[str, httpx.Client], query: dict[str, str]) -> None:
    assert servers["gallery"].get("/report", params=query).status_code in {200, 400, 404}


OUTSIDE = [
    "../trellis.db",
    "../../etc/passwd",
    "..%2f..%2ftrellis.db",
    "%2e%2e/trellis.db",
    "....//trellis.db",
    "/etc/passwd",
    "..\\..\\trellis.db",
    "%00",
    "static/../../app.py",
    "1/../../../trellis.db",
]


def test_no_address_leads_out_of_what_is_served(servers: dict[str, httpx.Client], tmp_path: Path) -> None:
    (tmp_path / "trellis.db").touch()
    paths = [form for path in OUTSIDE for form in (path, quote(path, safe=""), quote(quote(path), safe=""))]
    for address in (
        f"{before}/{p}" for before in ("", "/static", "/vendor", "/models", "/models/1") for p in paths
    ):
        request = servers["gallery"].build_request("GET", "/models")
        # As it is: clients tidy such addresses up, an attacker does not.
        request.url = request.url.copy_with(raw_path=address.encode())
        answer = servers["gallery"].send(request)
        assert answer.status_code in {404, 405}, address
        assert b"SQLite" not in answer.content
        assert b"root:" not in answer.content


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
@pytest.mark.parametrize("command", ["server", "validator-server", "gallery"])
def test_no_server_opens_to_other_machines_without_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, host: str
) -> None:
    monkeypatch.setenv("TRELLIS_DATA_DIR", str(tmp_path))
    done = CliRunner().invoke(app, [command, "--host", host, "--port", "0" if command != "gallery" else "9"])
    assert done.exit_code == 2
    assert "TRELLIS_SERVER_TOKEN" in done.output


@pytest.mark.parametrize("command", ["server", "validator-server", "gallery"])
def test_a_server_is_bound_to_this_machine_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    import uvicorn

    bound: list[str] = []

    def run(server: uvicorn.Server) -> None:
        bound.append(server.config.host)
        server.started = True

    monkeypatch.setattr(uvicorn.Server, "run", run)
    monkeypatch.setenv("TRELLIS_DATA_DIR", str(tmp_path))
    assert CliRunner().invoke(app, [command]).exit_code == 0
    monkeypatch.setenv("TRELLIS_SERVER_TOKEN", "t0ken" * 4)
    assert CliRunner().invoke(app, [command, "--host", "0.0.0.0"]).exit_code == 0
    assert bound == ["127.0.0.1", "0.0.0.0"]


def test_the_validation_server_too_asks_for_its_token(serve: Serve) -> None:
    judge = validation_app(EmbeddedValidator(SystemClock()))
    url = serve(guarded(judge, max_body=1000, host="0.0.0.0", token="t0ken"))
    assert httpx.get(f"{url}/version/").status_code == 401
    assert httpx.post(f"{url}/render_duel_view/", json={"data": ""}).status_code == 401
    assert httpx.get(f"{url}/health/").status_code == 200
    assert httpx.get(f"{url}/version/", headers={"authorization": "Bearer t0ken"}).status_code == 200
