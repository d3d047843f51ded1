"""Every attack on the calls to generation and validation servers: one deadline, one bound."""

import gc
import socket
import ssl
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from trellis_assets.adapters.http_client import BoundedClient, NoAnswerError
from trellis_assets.testing.hostile_peer import ATTACKS, Conversation, answers, hostile_peer, redirects

TIMEOUT_S = 1.0
# Those whose HTTP is in order: what the body holds is for whoever reads it.
HTTP_IS_FINE = {
    *("a length that is too short", "punycode", "nested lists", "nested objects", "nested lists for a task"),
    *("a task twice ten thousand times", "NaN", "infinity", "an integer of 100,000 digits"),
    *("a lone surrogate", "bytes that are not UTF-8", "UTF-16", "a page", "no JSON", "null"),
}


def client(**changes: object) -> BoundedClient:
    return BoundedClient(**({"timeout_s": TIMEOUT_S, "max_bytes": 1_000_000} | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attacked_call_ends_in_bounds(attack: str) -> None:
    """A drip would last as long as the server: that the call ends at all is the deadline's work."""
    with hostile_peer(ATTACKS[attack]) as peer:
        url = f"http://127.0.0.1:{peer.port}/generate/"
        try:
            answer = client().post_json(url, {"prompt": "x" * 100_000})
        except NoAnswerError as error:
            assert attack not in HTTP_IS_FINE, error
            assert str(error).isprintable()
            assert len(str(error)) <= 300
            assert not error.is_unreachable
        else:
            assert attack in HTTP_IS_FINE
            assert len(answer.body) <= 1_000_000


def test_headers_that_drip_are_given_up_at_the_deadline() -> None:
    """A timeout per read never fires while a byte comes now and then: this call once waited for ever."""
    with (
        hostile_peer(ATTACKS["headers that drip"]) as peer,
        pytest.raises(NoAnswerError, match=r"did not answer within 0\.5 s") as failed,
    ):
        client(timeout_s=0.5).get(f"http://127.0.0.1:{peer.port}/health/")
    assert failed.value.is_transient


def test_a_server_that_reads_nothing_is_given_up_at_the_deadline() -> None:
    """64 MB fit into no socket's buffer, and the peer takes none of them."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        with pytest.raises(NoAnswerError, match="within"):
            client(timeout_s=0.5).post_json(url, {"x": "y" * (64 << 20)})


def test_a_refusal_that_comes_before_the_request_is_sent_is_read() -> None:
    """As a server does that refuses by the headers alone, and reads no body."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse() -> None:
            connection, _ = server.accept()
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
            done.wait(20)
            connection.close()

        done = threading.Event()
        thread = threading.Thread(target=refuse)
        thread.start()
        answer = client(timeout_s=10).post_json(
            f"http://127.0.0.1:{server.getsockname()[1]}/", {"x": "y" * (16 << 20)}
        )
        done.set()
        thread.join()
    assert answer.status == 413


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with hostile_peer(answers(b"{}")) as other, hostile_peer(answers(b"")) as peer:
        peer.attack = redirects(f"http://127.0.0.1:{other.port}/", status)
        assert client().post_form(f"http://127.0.0.1:{peer.port}/", {"a": "b"}).status == status
        assert other.requests == []


@pytest.fixture
def _without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_without_collector")
def test_nothing_of_a_failed_answer_outlives_the_call() -> None:
    def cut_short(conversation: Conversation) -> None:
        conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + b"x" * 800_000)

    with hostile_peer(cut_short) as peer:

        def rounds(times: int) -> list[str]:
            said = []
            for _ in range(times):
                with pytest.raises(NoAnswerError) as failed:
                    client().get(f"http://127.0.0.1:{peer.port}/")
                said.append(str(failed.value))
            return said

        rounds(2)
        tracemalloc.start()
        rounds(10)
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert after < 800_000


def test_loopback_never_goes_by_a_proxy_and_other_hosts_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with hostile_peer(answers(b"direct")) as service, hostile_peer(answers(b"by proxy")) as proxy:
        monkeypatch.setenv("http_proxy", f"http://me:pass%20word@127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        for host in ("127.0.0.1", "localhost"):
            assert client().get(f"http://{host}:{service.port}/").body == b"direct"
        assert client().get("http://service.example:1234/a?b=c").body == b"by proxy"
        assert proxy.requests == ["GET http://service.example:1234/a?b=c HTTP/1.1"]
        monkeypatch.setenv("no_proxy", "service.example")
        with pytest.raises(NoAnswerError, match="cannot be reached"):
            client().get("http://service.example:1234/")


def test_tls_is_tunnelled_through_a_proxy_and_its_refusal_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with hostile_peer(answers(b"", b"")) as proxy:
        proxy.attack = lambda peer: peer.send(b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n")
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(NoAnswerError, match="answered 502") as failed:
            client().get("https://hooks.example/secret")
        assert proxy.requests == ["CONNECT hooks.example:443 HTTP/1.1"]
    assert failed.value.is_unreachable


def test_tls_needs_a_certificate_that_is_trusted_and_then_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trellis_assets.adapters.http_client import connection
    from trellis_assets.testing.tls import self_signed

    certificate, key = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def secure(conversation: Conversation) -> None:
        conversation.answer(b"x" * 300_000)

    with hostile_peer(secure, tls=context) as peer:
        url = f"https://localhost:{peer.port}/"
        with pytest.raises(NoAnswerError, match="certificate"):
            client(timeout_s=10).get(url)
        trusting = ssl.create_default_context(cafile=str(certificate))
        monkeypatch.setattr(connection, "_tls_context", [trusting])
        assert client(timeout_s=10).post_json(url, {"x": "y" * 500_000}).body == b"x" * 300_000
        peer.attack = ATTACKS["headers that drip"]
        with pytest.raises(NoAnswerError, match="within"):
            client(timeout_s=0.5).get(url)
