"""Messages by the real Apprise to servers of this machine, hostile ones too; URLs stay secret."""

import json
import logging
import subprocess
import time
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiosmtpd.controller import Controller

from trellis_assets.adapters.notifications.factory import MOST, Notifiers, open_notifier
from trellis_assets.adapters.notifications.services import ServiceNotifier
from trellis_assets.adapters.notifications.webhook import WebhookNotifier
from trellis_assets.system.tcp_ports import free_port
from trellis_assets.testing.hostile_server import Request, serving

SECRET = "T000-marked-secret"
LINK = "http://127.0.0.1:3000/runs/1"
HOSTILE = "mine_task_job failed: <!channel> @everyone ![x](http://evil/a.png) <b>bold</b>"


class Mailbox:
    """What a mail server received."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep the mail."""
        self.mails.append(envelope.content)
        return "250 OK"


@pytest.fixture
def mail_server() -> Iterator[tuple[str, Mailbox]]:
    box = Mailbox()
    port = free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield f"mailto://127.0.0.1:{port}/?from=miner@example.org&to=owner@example.org&mode=insecure", box
    controller.stop()


def address(url: str) -> str:
    return urlsplit(url).netloc


def test_a_mail_has_the_text_as_text_and_the_link(mail_server: tuple[str, Mailbox]) -> None:
    url, box = mail_server
    assert ServiceNotifier(url).notify(HOSTILE, LINK)
    (raw,) = box.mails
    mail = message_from_bytes(raw, policy=policy.default)
    assert (mail["to"], mail["from"].addresses[0].addr_spec) == ("owner@example.org", "miner@example.org")
    for part in mail.walk():
        if part.get_content_maintype() == "text":
            content = part.get_content()
            assert "mine_task_job failed" in content
            assert LINK in content
            assert "<b>bold" not in content
            assert "![x](" not in content


@pytest.mark.parametrize("scheme", ["json", "ntfy", "xml", "form"])
def test_services_by_http_get_the_text_and_call_nobody_by_name(scheme: str) -> None:
    arrived: list[bytes] = []

    def take(request: Request) -> None:
        arrived.append(request.body)
        request.answer(json.dumps({"id": "1", "ok": True}).encode(), content_type="application/json")

    with serving(take) as url:
        assert ServiceNotifier(f"{scheme}://{address(url)}/{SECRET}").notify(HOSTILE, LINK)
    (body,) = arrived
    assert b"mine_task_job" in body
    assert b"@everyone" not in body
    assert b"<!channel>" not in body
    assert b"](http" not in body


def answer_for_ever(request: Request) -> None:
    """A body without end, a byte now and then: no time-out of a single read ever comes."""
    request.send_response(200)
    request.send_header("content-length", "1000000")
    request.end_headers()
    for _ in range(100):
        request.wfile.write(b" ")
        request.wfile.flush()
        time.sleep(0.2)


def bomb(request: Request) -> None:
    """Two gigabytes, as fast as they are taken."""
    request.send_response(200)
    request.send_header("content-length", str(2 * 1024**3))
    request.end_headers()
    for _ in range(2048):
        request.wfile.write(b"x" * 1024**2)


@pytest.mark.parametrize(
    ("respond", "deadline_s"),
    [
        (lambda r: r.answer(b"no", status=404), 30.0),
        (lambda r: r.answer(b"", status=500), 30.0),
        (bomb, 30.0),
        (answer_for_ever, 3.0),
    ],
    ids=["refused", "broken", "2 GB", "never ends"],
)
def test_a_service_that_does_not_take_it_stops_nothing_and_its_url_is_in_no_log(
    respond: Callable[[Request], None], deadline_s: float, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(respond) as url, caplog.at_level(logging.DEBUG):
        notifier = ServiceNotifier(f"json://me:{SECRET}@{address(url)}/{SECRET}", deadline_s=deadline_s)
        began = time.monotonic()
        assert not notifier.notify("text", LINK)
        assert time.monotonic() - began < deadline_s + 10
    assert "message not sent" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_even_where_the_url_asks_for_it(status: int) -> None:
    visited: list[str] = []

    def elsewhere(request: Request) -> None:
        visited.append(request.path)
        request.answer(b"ok")

    with (
        serving(elsewhere) as target,
        serving(lambda r: r.answer(b"", status=status, Location=f"{target}/{SECRET}")) as url,
    ):
        assert not ServiceNotifier(f"json://{address(url)}/?redirect=yes").notify("text", LINK)
    assert visited == []


@pytest.mark.parametrize("url", [f"nosuchservice://{SECRET}", f"tgram://{SECRET}", "mailto://"])
def test_a_url_that_apprise_cannot_read_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ValueError, match="wants http") as caught:
        open_notifier(url)
    assert SECRET not in str(caught.value)


def test_webhooks_of_before_are_still_called_by_our_own_client() -> None:
    assert isinstance(open_notifier(f"https://hooks.slack.com/services/{SECRET}?a=1,2"), WebhookNotifier)


def test_several_urls_are_all_told_and_one_that_works_is_enough(mail_server: tuple[str, Mailbox]) -> None:
    url, box = mail_server
    arrived: list[bytes] = []

    def take(request: Request) -> None:
        arrived.append(request.body)
        request.answer(b"ok")

    with serving(take) as hook:
        both = open_notifier(f"{hook}/{SECRET}, {url} http://127.0.0.1:9/away")
        assert isinstance(both, Notifiers)
        assert both.notify("no disk", LINK)
    assert (len(arrived), len(box.mails)) == (1, 1)
    with serving(lambda r: r.answer(b"no", status=404)) as hook:
        assert not open_notifier(f"{hook}/a {hook}/b").notify("no disk", LINK)


def test_more_urls_than_anybody_needs_are_refused() -> None:
    with pytest.raises(ValueError, match="more than"):
        open_notifier(" ".join(["http://127.0.0.1:9/x"] * (MOST + 1)))


def test_the_child_gets_the_url_by_its_input_and_no_other_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[list[str], dict[str, Any]]] = []

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
        started.append((command, options))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setenv("TRELLIS_WEBHOOK_URL", f"json://h/{SECRET}")
    monkeypatch.setenv("BT_PW_X", "another-marked-secret")
    assert ServiceNotifier(f"json://h/{SECRET}").notify("text", LINK)
    ((command, options),) = started
    assert SECRET.encode() in options.pop("input")
    assert "marked-secret" not in f"{command} {options}"
