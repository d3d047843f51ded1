"""A whole run with marked secrets: none is in any file, page, message or command line."""

import json
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import starlette.requests
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trellis_assets.adapters.generation.embedded.backend import EmbeddedBackend
from trellis_assets.adapters.splat_io.codec import BytesCodec
from trellis_assets.domain.endpoints.faults import FAULT_HEADER, PROMPT_FAULT
from trellis_assets.servers.generation.app import generation_app
from trellis_assets.servers.middleware import guarded
from trellis_assets.system.tcp_ports import free_port
from trellis_assets.testing.clean_environment import clean_environment
from trellis_assets.testing.hostile_server import Request, serving
from trellis_assets.testing.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500), pytest.mark.xdist_group("end_to_end")]

# Everything that the Dagster UI can tell of runs, the instance and the code location.
PAGES = (
    """{ runsOrError { ... on Runs { results { runId status runConfigYaml tags { key value }
      eventConnection { events { __typename ... on MessageEvent { message }
        ... on ExecutionStepFailureEvent { error { message stack cause { message stack } } }
        ... on ExecutionStepOutputEvent { metadataEntries { label description
          ... on TextMetadataEntry { text } ... on UrlMetadataEntry { url }
          ... on JsonMetadataEntry { jsonString } } } } } } } } }""",
    "{ instance { info daemonHealth { allDaemonStatuses { daemonType lastHeartbeatErrors { message } } } } }",
    """{ workspaceOrError { ... on Workspace { locationEntries { name displayMetadata { key value }
      locationOrLoadError { __typename ... on PythonError { message stack } } } } } }""",
    """{ sensorsOrError(repositorySelector:
        {repositoryName: "__repository__", repositoryLocationName: "trellis_assets"}) {
      ... on Sensors { results { name sensorState { ticks {
        status skipReason error { message stack } } } } } } }""",
)
MINE = [sys.executable, "-m", "trellis_assets.cli", "mine"]


@dataclass
class Marks:
    """One random text for each secret."""

    key: str = field(default_factory=lambda: f"MarkedKey{secrets.token_hex(8)}")
    server_token: str = field(default_factory=lambda: f"markedserver{secrets.token_hex(8)}")
    generator_token: str = field(default_factory=lambda: f"markedgenerator{secrets.token_hex(8)}")
    webhook: str = field(default_factory=lambda: f"markedwebhook{secrets.token_hex(8)}")

    def found_in(self, data: bytes) -> list[str]:
        """Return the marks in the data, abridged."""
        return [mark[:12] for mark in vars(self).values() if mark.encode() in data]


class RefusesFirst:
    """A generation server that cannot make its first model of a text, so that a run fails.

    To one of a picture it would have said that it takes none, which is no failure.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app, self.generations, self.has_refused = app, 0, False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        app = self.app
        if scope["type"] == "http" and scope["path"] == "/generate/":
            self.generations += 1
            asked = await starlette.requests.Request(scope, receive).body()
            if not self.has_refused and b"prompt_image" not in asked:
                self.has_refused, app = (
                    True,
                    JSONResponse({"detail": "not this one"}, 422, {FAULT_HEADER: PROMPT_FAULT}),
                )
            unread: list[Message] = [{"type": "http.request", "body": asked}]

            async def again() -> Message:
                return unread.pop() if unread else await receive()

            await app(scope, again, send)
        else:
            await app(scope, receive, send)


def all_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


def pages(ui: str, gallery: str, token: str) -> Iterator[bytes]:
    for query in PAGES:
        answer = httpx.post(f"{ui}/graphql", json={"query": query}, timeout=60)
        assert "errors" not in answer.json(), answer.text[:1000]
        yield answer.content
    yield httpx.get(f"{ui}/server_info").content
    assert httpx.get(f"{gallery}/doctor").status_code == 401, "a token that is set is asked for here too"
    headers = {"authorization": f"Bearer {token}"}
    addresses = ("/", "/live", "/models", "/models/2", "/doctor", "/reports", "/report?name=tasks&form=csv")
    for address in addresses:
        answer = httpx.get(f"{gallery}{address}", headers=headers, timeout=60)
        assert answer.status_code in {200, 404, 503}
        yield answer.content + str(answer.headers).encode()


def test_no_secret_is_anywhere_after_a_full_run(tmp_path: Path, serve: Callable[[Any], str]) -> None:
    marks = Marks()
    made = guarded(
        generation_app(EmbeddedBackend(), BytesCodec()),
        max_body=10**7,
        host="127.0.0.1",
        token=marks.generator_token,
    )
    generator = RefusesFirst(made)
    messages: list[tuple[str, bytes]] = []

    def take(request: Request) -> None:
        messages.append((request.path, request.body))
        request.answer(b"ok")

    clean = clean_environment()
    ports = {"TRELLIS_WEBSERVER_PORT": str(free_port()), "TRELLIS_GALLERY_PORT": str(free_port())}
    ui, gallery = (f"http://127.0.0.1:{port}" for port in ports.values())
    with ExitStack() as stack:
        chat = stack.enter_context(serving(take))
        told = {
            "TRELLIS_DEV_HOTKEY_URI": f"//{marks.key}",
            "TRELLIS_SERVER_TOKEN": marks.server_token,
            "TRELLIS_GENERATOR": "http",
            "TRELLIS_GENERATOR_URLS": serve(generator),
            "TRELLIS_GENERATOR_TOKEN": marks.generator_token,
            "TRELLIS_WEBHOOK_URL": f"{chat}/{marks.webhook}",
            "TRELLIS_LOG_LEVEL": "DEBUG",
        }
        miner = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "trellis_assets.cli",
                "mine",
                "--data-dir",
                str(tmp_path),
                "--json",
                "--ui",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env=clean | ports | told,
            umask=0o022,
        )
        stack.callback(miner.kill)
        wait_until(lambda: messages or miner.poll() is not None, "a failed run is told")
        wait_until(
            lambda: generator.generations >= 3 or miner.poll() is not None,
            "models are generated",
            timeout_s=180,
        )
        assert miner.poll() is None, miner.communicate()
        members = psutil.Process(miner.pid).children(recursive=True)
        check_processes(members, marks)
        shown = list(pages(ui, gallery, marks.server_token))
        miner.send_signal(signal.SIGINT)
        out, err = miner.communicate(timeout=120)
    assert miner.returncode == 0, err[-3000:]
    statistics = json.loads(out.splitlines()[-1])["session_stats"]
    assert statistics["successful_submissions"] >= 1, "the key has signed"
    ((path, message), *_) = messages
    assert path == f"/{marks.webhook}"
    assert b"mine_task_job failed" in message

    assert marks.found_in(out + err) == []
    for page in [*shown, *(body for _, body in messages)]:
        assert marks.found_in(page) == [], page[:300]
    files = all_files(tmp_path)
    assert {"trellis.db", "trellis.jsonl", "subnet.log", "daemon.log"} <= {file.name for file in files}
    told_by = {str(file.relative_to(tmp_path)): marks.found_in(file.read_bytes()) for file in files}
    assert {name: found for name, found in told_by.items() if found} == {}
    open_to_others = [path for path in tmp_path.rglob("*") if path.lstat().st_mode & 0o077]
    assert [str(p.relative_to(tmp_path)) for p in open_to_others if not p.is_symlink()] == []


def check_processes(members: list[psutil.Process], marks: Marks) -> None:
    """No command line has a secret; a part is told only those it uses; nobody listens to the world."""
    signers, others = 0, 0
    for process in members:
        try:
            command, environment = " ".join(process.cmdline()), process.environ()
            listening = [c.laddr.ip for c in process.net_connections() if c.status == psutil.CONN_LISTEN]
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue  # a run worker that has just ended
        assert marks.found_in(command.encode()) == []
        assert set(listening) <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}, command
        has = set(marks.found_in(str(environment).encode()))
        key, server_token = marks.key[:12], marks.server_token[:12]
        if "cli gallery" in command:
            assert has == {server_token}
        elif any(part in command for part in ("cli subnet", "dagster._daemon", "orchestration.webserver")):
            assert has == set(), command
            others += 1
        elif key in has:
            signers += 1
    assert signers >= 1
    assert others == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRELLIS_DATABASE_URL", "postgresql+psycopg://me:{mark}@127.0.0.1:9/x"),
        ("TRELLIS_DATABASE_URL", "sqlite://me:{mark}@host/x"),
        ("TRELLIS_DEV_HOTKEY_URI", "{mark} is no phrase"),
        ("TRELLIS_WEBHOOK_URL", "nonsense-{mark}"),
        ("TRELLIS_NETWORK", "ws://127.0.0.1:9/{mark}"),
        ("TRELLIS_GENERATOR_URLS", "http://me:{mark}@127.0.0.1:9"),
    ],
)
def test_an_error_names_the_setting_and_not_the_secret(tmp_path: Path, name: str, value: str) -> None:
    mark = f"marked{secrets.token_hex(8)}"
    clean = clean_environment()
    wallet = {"TRELLIS_WALLET_PATH": "none"} if name == "TRELLIS_NETWORK" else {}
    environment = clean | wallet | {"TRELLIS_GENERATOR": "http", name: value.format(mark=mark)}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "trellis_assets.cli",
            "mine",
            "--data-dir",
            str(tmp_path / "d"),
            "--tasks",
            "1",
        ],
        capture_output=True,
        cwd=tmp_path,
        env=environment,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert b"Traceback" not in done.stderr
    written = b"".join(file.read_bytes() for file in all_files(tmp_path))
    assert mark.encode() not in done.stdout + done.stderr + written
