"""Whatever a server does, a call ends in time, in bounds, and without telling credentials."""

import time

import pytest

from trellis_assets.adapters.http_client import BoundedClient, NoAnswerError, shown_url
from trellis_assets.testing.hostile_server import Request, serving


def client(timeout_s: float = 5.0, max_bytes: int = 1000) -> BoundedClient:
    return BoundedClient(timeout_s=timeout_s, max_bytes=max_bytes)


def drip(request: Request) -> None:
    """A byte now and then, without end."""
    request.send_response(200)
    request.end_headers()
    for _ in range(1200):
        request.wfile.write(b"x")
        request.wfile.flush()
        time.sleep(0.05)


def test_an_answer_comes_back_whole() -> None:
    with serving(lambda r: r.answer(b"hello", status=418, X_Kind="teapot")) as url:
        answer = client().get(url)
    assert (answer.status, answer.body, answer.headers["x-kind"]) == (418, b"hello", "teapot")


def test_a_form_and_json_arrive_as_they_are() -> None:
    with serving(lambda r: r.answer(r.body)) as url:
        assert client().post_form(url, {"prompt": "a & b", "seed": "1"}).body == b"prompt=a+%26+b&seed=1"
        assert client().post_json(url, {"prompt": "ä\ud800"}).body == b'{"prompt": "\\u00e4\\ud800"}'


def test_a_server_that_drips_is_left_at_the_deadline() -> None:
    started = time.monotonic()
    with serving(drip) as url, pytest.raises(NoAnswerError, match="did not finish") as failed:
        client(timeout_s=0.3).get(url)
    assert failed.value.is_transient
    assert time.monotonic() - started < 30, "it drips for a minute"


def test_a_silent_server_is_left_at_the_deadline_and_is_not_away() -> None:
    with (
        serving(lambda _: time.sleep(0.6)) as url,
        pytest.raises(NoAnswerError, match=r"within 0\.2 s") as failed,
    ):
        client(timeout_s=0.2).get(url)
    assert failed.value.is_transient
    assert not failed.value.is_unreachable


@pytest.mark.parametrize("headers", [{}, {"transfer_encoding": "chunked", "content_length": ""}])
def test_a_long_answer_is_cut_off_for_good(headers: dict[str, str]) -> None:
    def flood(request: Request) -> None:
        request.send_response(200)
        if not headers:
            request.send_header("content-length", str(10**12))
        request.end_headers()
        for _ in range(100):
            request.wfile.write(bytes(1000))

    with serving(flood) as url, pytest.raises(NoAnswerError, match="more than 1000 bytes") as failed:
        client().get(url)
    assert not failed.value.is_transient


def test_a_compressed_answer_is_refused_and_never_inflated() -> None:
    with (
        serving(lambda r: r.answer(b"\x1f\x8b zipped", content_encoding="gzip")) as url,
        pytest.raises(NoAnswerError, match="compressed"),
    ):
        client().get(url)


def test_an_answer_cut_short_is_a_passing_failure() -> None:
    with (
        serving(lambda r: r.answer(b"half", content_length="8")) as url,
        pytest.raises(NoAnswerError) as failed,
    ):
        client().get(url)
    assert failed.value.is_transient


def test_a_redirect_is_not_followed() -> None:
    with serving(lambda r: r.answer(b"", status=302, location="http://192.0.2.1/")) as url:
        assert client().get(url).status == 302


def test_a_closed_port_is_away() -> None:
    with serving(lambda r: r.answer(b"")) as url:
        pass
    with pytest.raises(NoAnswerError, match="cannot be reached") as failed:
        client().get(url)
    assert failed.value.is_unreachable


def test_credentials_of_a_url_are_never_shown() -> None:
    assert shown_url("http://me:secret@host:1/x") == "http://host:1/x"
    with pytest.raises(NoAnswerError) as failed:
        client().get("http://me:secret@127.0.0.1:9/")
    assert "secret" not in str(failed.value)


@pytest.mark.parametrize("url", ["host:80", "ftp://host", "http://", "http://host:port", ""])
def test_what_is_no_url_is_refused_with_what_is_wanted(url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        shown_url(url)


def test_a_web_page_is_told_by_its_type_or_its_beginning() -> None:
    with serving(lambda r: r.answer(b"welcome", content_type="text/html")) as url:
        assert client().get(url).is_html
    with serving(lambda r: r.answer(b"  <!doctype html>")) as url:
        assert client().get(url).is_html
