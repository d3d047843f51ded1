"""The bytes of a request: what a header or a path holds cannot begin another one."""

from email import message_from_bytes
from email.policy import HTTP

import pytest

from trellis_assets.adapters.http_client.request import encode_request, multipart_form


def test_head_and_body_are_written_in_order_without_headers_that_are_none() -> None:
    request = encode_request("POST", "/PullTask", {"Host": "a", "Authorization": None}, b"{}")
    assert request == b"POST /PullTask HTTP/1.1\r\nHost: a\r\n\r\n{}"


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/", {"Host": "a\r\nX: y"}), ("/", {"A\n": "b"}), ("/ HTTP/1.1\r\nX: y", {}), ("/", {"A": "\u00e9"})],
)
def test_a_line_break_or_another_alphabet_in_the_head_is_refused(path: str, headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="not printable ASCII"):
        encode_request("GET", path, headers, b"")


def test_form_with_a_file_is_read_back_by_another_parser() -> None:
    body, content_type = multipart_form({"seed": "7"}, "image", b"\x00\r\n--x")
    parsed = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body, policy=HTTP)
    parts = {part["Content-Disposition"].params["name"]: part for part in parsed.iter_parts()}
    assert parts["seed"].get_content().strip() == "7"
    assert parts["image"].get_payload(decode=True) == b"\x00\r\n--x"
