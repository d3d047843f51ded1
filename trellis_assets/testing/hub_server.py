"""A Hugging Face hub of ours on 127.0.0.1, for the real `huggingface_hub` to download from.

It answers the two kinds of request that downloads are made of: what a repository is at a revision, and the
bytes of one file. Each push makes a new commit, and `main` points to the newest.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote

_INFO = re.compile(r"/api/models/(?P<repo>[^/]+/[^/]+)(?:/revision/(?P<revision>[^/?]+))?")
_FILE = re.compile(r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)")


@dataclass(slots=True)
class Repository:
    """Files by commit, and what branches and tags point to."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def push(self, files: Mapping[str, bytes]) -> str:
        """Return the commit that holds these files alone; `main` points to it."""
        text = repr((len(self.commits), sorted(files.items())))
        commit = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        self.commits[commit] = dict(files)
        self.refs["main"] = commit
        return commit


@dataclass(slots=True)
class Hub:
    """What the server holds, and what it was asked for.

    Attributes:
        url: for HF_ENDPOINT.
        repositories: by `owner/name`.
        requests: method and path of each request, in order.
    """

    url: str
    repositories: dict[str, Repository] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def push(self, repository: str, files: Mapping[str, bytes]) -> str:
        """Return the new commit of the repository, which is made if there is none."""
        return self.repositories.setdefault(repository, Repository()).push(files)


@contextmanager
def serve_hub() -> Iterator[Hub]:
    """Serve an empty hub for as long as the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5

        def _answer(self) -> None:
            path = unquote(self.path.partition("?")[0])
            hub.requests.append(f"{self.command} {path}")
            status, body, headers = _answer(hub, path)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET = _answer  # noqa: N815 - names of the protocol

        def log_message(self, *_arguments: object) -> None:
            """Stay silent: tests read `Hub.requests`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub = Hub(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, args=(0.02,), name="hub", daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _answer(hub: Hub, path: str) -> tuple[int, bytes, dict[str, str]]:
    """Return status, body and headers."""
    match = _INFO.fullmatch(path) or _FILE.fullmatch(path)
    repository = hub.repositories.get(match["repo"]) if match else None
    if match is None or repository is None:
        return 404, b"{}", {"X-Error-Code": "RepoNotFound"}
    named = match["revision"] or "main"
    commit = repository.refs.get(named, named)
    files = repository.commits.get(commit)
    if files is None:
        return 404, b"{}", {"X-Error-Code": "RevisionNotFound"}
    name = match.groupdict().get("path")
    if name is None:
        siblings = [{"rfilename": name} for name in files]
        body = json.dumps({"id": match["repo"], "sha": commit, "siblings": siblings}).encode()
        return 200, body, {"Content-Type": "application/json"}
    if name not in files:
        return 404, b"{}", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}
    digest = hashlib.sha256(files[name]).hexdigest()
    return 200, files[name], {"X-Repo-Commit": commit, "ETag": f'"{digest}"'}
