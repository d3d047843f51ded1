"""A webhook of a chat: what it gets, what happens when it does not take it, and its URL stays secret."""

import json
import logging
import time

import pytest

from trellis_assets.adapters.notifications.webhook import WebhookNotifier
from trellis_assets.testing.hostile_server import Request, serving

SECRET = "T000-marked-secret"


def told(text: str, link: str = "http://127.0.0.1:3000/runs/1") -> tuple[bool, dict[str, str]]:
    """Return whether the message was taken, and the JSON that arrived."""
    bodies = []

    def take(request: Request) -> None:
        bodies.append(json.loads(request.body))
        request.answer(b"ok")

    with serving(take) as url:
        is_taken = WebhookNotifier(f"{url}/{SECRET}").notify(text, link)
    (body,) = bodies
    return is_taken, body


def test_slack_and_discord_find_the_text_where_they_look_for_it() -> None:
    is_taken, body = told("mine_task_job failed: no disk")
    assert is_taken
    for field in ("text", "content"):
        assert body[field] == "`mine_task_job failed: no disk` http://127.0.0.1:3000/runs/1"


def test_strangers_words_are_shown_as_words() -> None:
    hostile = "<!channel> @everyone `code` ![x](http://evil/a.png) <http://evil|here>"
    _, body = told(hostile)
    assert "<" not in body["text"]
    assert ">" not in body["text"]
    assert body["text"].count("`") == 2, "the whole text is one piece of code, where nothing is rendered"
    assert body["allowed_mentions"] == {"parse": []}


def test_a_long_text_is_cut_to_what_discord_takes() -> None:
    _, body = told("x" * 100_000)
    assert 1500 < len(body["content"]) < 2000
    assert body["content"].endswith("/runs/1"), "the link stays"


def answer_slowly(request: Request) -> None:
    time.sleep(1)
    request.answer(b"late")


@pytest.mark.parametrize(
    ("respond", "said"),
    [
        (lambda r: r.answer(b"no", status=404), "refused"),
        (lambda r: r.answer(b"", status=302, Location="http://127.0.0.1:9/elsewhere"), "refused"),
        (lambda r: r.answer(b"x" * 100_000), "not reached"),
        (answer_slowly, "not reached"),
    ],
)
def test_a_webhook_that_does_not_take_it_stops_nothing_and_its_url_is_in_no_log(
    respond: object, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(respond) as url, caplog.at_level(logging.DEBUG):  # type: ignore[arg-type]
        assert not WebhookNotifier(f"{url}/{SECRET}", timeout_s=0.3).notify("text", "link")
    assert said in caplog.text
    assert SECRET not in caplog.text


def test_a_webhook_that_is_away_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert not WebhookNotifier(f"http://me:{SECRET}@127.0.0.1:9/{SECRET}").notify("text", "link")
    assert "not reached" in caplog.text
    assert SECRET not in caplog.text


def test_the_url_is_in_no_log_when_all_is_well(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert told("text")[0]
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    "url", ["", SECRET, f"ftp://{SECRET}", f"http://host:{SECRET}", f"http://h\n/{SECRET}"]
)
def test_what_is_no_url_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ValueError, match="wants http") as caught:
        WebhookNotifier(url)
    assert SECRET not in str(caught.value)
