"""What generation servers are asked, and how their trouble is classed."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from urllib.parse import parse_qs

import pytest

from trellis_assets.adapters.generation.embedded.generator import EmbeddedGenerator
from trellis_assets.adapters.generation.http import HttpGenerator
from trellis_assets.adapters.prompt_lists import default_pictures
from trellis_assets.adapters.splat_io.ply import write_ply
from trellis_assets.adapters.splat_io.spz import encode_spz
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import GenerationError, UnsupportedPromptError
from trellis_assets.testing.hostile_server import Request, serving
from trellis_assets.testing.splats import a_ball

SPZ = encode_spz(a_ball())


def generate(
    url: str,
    prompt: str = "a ball",
    *,
    kind: TaskKind = TaskKind.TEXT,
    timeout_s: float = 10,
    limit: int = 1 << 20,
) -> GaussianSplats:
    generator = HttpGenerator([url + "/"], timeout_s=timeout_s, max_answer_bytes=limit)
    (endpoint,) = generator.endpoints
    return generator.generate(prompt, kind=kind, seed=42, endpoint=endpoint)


def test_prompt_and_seed_are_sent_as_the_servers_form() -> None:
    seen: list[tuple[str, dict[str, list[str]]]] = []

    def answer(request: Request) -> None:
        seen.append((request.path, parse_qs(request.body.decode())))
        request.answer(SPZ)

    with serving(answer) as url:
        assert len(generate(url, "ein Kürbis & mehr")) == 8000
    assert seen == [
        ("/generate/", {"prompt": ["ein Kürbis & mehr"], "seed": ["42"], "return_compressed": ["true"]})
    ]


def test_a_picture_is_sent_in_a_field_of_its_own() -> None:
    picture, seen = default_pictures()[0], []

    def answer(request: Request) -> None:
        seen.append(parse_qs(request.body.decode()))
        request.answer(SPZ)

    with serving(answer) as url:
        generate(url, picture, kind=TaskKind.IMAGE)
    assert seen[0]["prompt_image"] == [picture]
    assert "prompt" not in seen[0]


def test_a_server_without_a_field_for_pictures_does_not_support_them() -> None:
    missing = b'{"detail":[{"loc":["body","prompt"],"msg":"Field required"}]}'
    with (
        serving(lambda r: r.answer(missing, status=422)) as url,
        pytest.raises(UnsupportedPromptError, match="takes no pictures"),
    ):
        generate(url, default_pictures()[0], kind=TaskKind.IMAGE)


def test_the_reference_servers_ply_is_taken_too() -> None:
    with serving(lambda r: r.answer(write_ply(a_ball(100)))) as url:
        assert len(generate(url)) == 100


@pytest.mark.parametrize(
    ("trouble", "is_transient", "reason"),
    [
        (lambda r: r.answer(b"full", status=503, retry_after="17"), True, "asks to wait 17 s"),
        (lambda r: r.answer(b"slow down", status=429), True, "429"),
        (lambda r: r.answer(b'{"detail":"no"}', status=400), False, "no"),
        (lambda r: r.answer(b"", status=301, location="/x"), False, "301"),
        (lambda r: r.answer(b"<html>hi", content_type="text/html"), False, "web page"),
        (lambda r: r.answer(SPZ[:-100]), False, "no model"),
        (lambda r: r.answer(SPZ, content_length=str(len(SPZ) + 1)), True, "broke off"),
        (lambda r: r.answer(bytes(2 << 20)), False, "more than"),
        (lambda _: None, True, "broke off"),
        (lambda _: time.sleep(1), True, "did not answer"),
    ],
)
def test_trouble_is_classed_by_whether_trying_again_may_help(
    trouble: Callable[[Request], None],
    is_transient: bool,
    reason: str,
) -> None:
    with serving(trouble) as url, pytest.raises(GenerationError, match=reason) as failed:
        generate(url, timeout_s=0.4)
    assert failed.value.is_transient is is_transient


def test_a_prompt_that_is_not_unicode_is_refused_for_good() -> None:
    with serving(lambda r: r.answer(SPZ)) as url, pytest.raises(GenerationError, match="Unicode") as failed:
        generate(url, "\ud800")
    assert not failed.value.is_transient


def test_each_server_is_probed_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trellis_assets.adapters.generation.http.PROBE_TIMEOUT_S", 2.0)
    is_probed = threading.Event()
    with (
        serving(lambda r: r.answer(b"{}", status=404)) as reference,
        serving(lambda r: r.answer(b"loading", status=503)) as loading,
        serving(lambda _: is_probed.wait(60)) as at_work,
    ):
        urls = ["http://127.0.0.1:9", reference, loading, at_work]
        generator = HttpGenerator(urls)
        probes = generator.probe()
        is_probed.set()
    assert [probe.endpoint for probe in probes] == list(generator.endpoints)
    away, well, unwell, slow = [probe.trouble for probe in probes]
    assert "cannot be reached" in (away or "")
    assert "503" in (unwell or "")
    assert well is None, "the reference server knows no such route"
    assert slow is None, "a server at work may be slow to answer"


def test_servers_are_probed_at_once() -> None:
    """Each answers only when all have been asked."""
    everybody = threading.Barrier(5)

    def meet(request: Request) -> None:
        everybody.wait(10)
        request.answer(b"{}")

    with contextlib.ExitStack() as servers:
        urls = [servers.enter_context(serving(meet)) for _ in range(5)]
        assert [probe.trouble for probe in HttpGenerator(urls).probe()] == [None] * 5


@pytest.mark.parametrize("url", ["http://127.0.0.1:8096", "http://localhost:8096", "http://[::1]:8096"])
def test_a_server_of_this_machine_is_another_machines_under_no_name(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = set()
    for machine in ("gpu-1", "gpu-2"):
        monkeypatch.setattr(socket, "gethostname", lambda machine=machine: machine)
        names |= {*HttpGenerator([url]).endpoints, *EmbeddedGenerator().endpoints}
    assert names == {f"gpu-1/{url}", f"gpu-2/{url}", "gpu-1/embedded", "gpu-2/embedded"}


def test_a_server_that_all_machines_reach_has_one_name_without_its_password() -> None:
    generator = HttpGenerator(["http://me:secret@gpu.example:8096/", "http://gpu.example:8096"])
    assert generator.endpoints == ("http://gpu.example:8096",)


@pytest.mark.parametrize("urls", [[], ["localhost:8096"]])
def test_invalid_urls_are_refused_at_once(urls: list[str]) -> None:
    with pytest.raises(ValueError, match="http"):
        HttpGenerator(urls)
