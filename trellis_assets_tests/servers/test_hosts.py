"""Host and Origin headers, by one parser."""

import pytest

from trellis_assets.servers.hosts import (
    ExposureError,
    check_exposure,
    dialled_address,
    origin_host,
    parse_host,
    shown_host,
)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("127.0.0.1", ("127.0.0.1", None)),
        ("LOCALHOST:3000", ("localhost", 3000)),
        ("[::1]:3000", ("::1", 3000)),
        ("[::1]", ("::1", None)),
        ("miner.example:80", ("miner.example", 80)),
    ],
)
def test_a_host_header_is_a_name_and_a_port(text: str, parsed: tuple[str, int | None]) -> None:
    assert parse_host(text) == parsed


@pytest.mark.parametrize(
    "text",
    [
        "[::1]evil.example",
        "[::1]evil.example:3000",
        "[::1].evil.example",
        "[::1",
        "[127.0.0.1]",
        "[evil.example]",
        "::1",
        "127.0.0.1@evil.example",
        "evil.example@127.0.0.1",
        "user:pass@localhost",
        "127.0.0.1/",
        "127.0.0.1/evil",
        "127.0.0.1?x",
        "127.0.0.1#x",
        "127.0.0.1:",
        "127.0.0.1:99999",
        "127.0.0.1:+80",
        "127.0.0.1:080",
        "127.0.0.1 ",
        "127.0.0.1\t.evil.example",
        "127.0.0.1\n",
        "127.0.0.1, evil.example",
        "",
        ":3000",
    ],
)
def test_what_is_not_exactly_a_host_is_none_or_another_machine(text: str) -> None:
    parsed = parse_host(text)
    assert parsed is None or parsed[0] not in {"127.0.0.1", "::1", "localhost"}


def test_the_origin_of_a_page_is_compared_as_a_host() -> None:
    assert origin_host("http://LOCALHOST:3000") == "localhost:3000"
    assert origin_host("https://miner.example") == "miner.example"
    for wrong in (
        "null",
        "file://",
        "http://",
        "http://a/b",
        "http://[::1]evil.example",
        "chrome-extension://a",
    ):
        assert origin_host(wrong) is None


def test_another_host_needs_a_token_that_cannot_be_guessed() -> None:
    check_exposure("127.0.0.1", None, "TRELLIS_SERVER_TOKEN")
    check_exposure("0.0.0.0", "x" * 16, "TRELLIS_SERVER_TOKEN")
    for token in (None, "", "short"):
        with pytest.raises(ExposureError, match="TRELLIS_SERVER_TOKEN"):
            check_exposure("0.0.0.0", token, "TRELLIS_SERVER_TOKEN")


def test_addresses_are_shown_and_dialled_as_the_machine_takes_them() -> None:
    assert (shown_host("::1"), shown_host("localhost")) == ("[::1]", "localhost")
    assert (dialled_address("::"), dialled_address("10.0.0.7")) == ("::1", "10.0.0.7")
