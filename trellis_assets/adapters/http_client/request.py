"""The bytes of an HTTP/1.1 request: head, and bodies of forms."""

from collections.abc import Mapping
from secrets import token_hex


def encode_request(method: str, path: str, headers: Mapping[str, str | None], body: bytes) -> bytes:
    """Return the request's bytes.

    Args:
        method: as "POST".
        path: what stands behind the method, as "/PullTask" or, for a proxy, a whole URL.
        headers: in their order; those whose value is None are left out.
        body: what follows the head; its length is among the headers.

    Raises:
        ValueError: a header, or the path, holds what would end its line.
    """
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items() if value is not None]
    if not all(line.isascii() and line.isprintable() for line in lines):
        raise ValueError("a header is not printable ASCII")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


def multipart_form(fields: Mapping[str, str], name: str, file: bytes) -> tuple[bytes, str]:
    """Return the body of a form with one uploaded file, in the field `name`, and its content type."""
    boundary = token_hex(16)
    parts = [
        f'Content-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
        for field, value in fields.items()
    ]
    head = f'Content-Disposition: form-data; name="{name}"; filename="prompt"\r\n'
    parts.append(head.encode() + b"Content-Type: application/octet-stream\r\n\r\n" + file + b"\r\n")
    between = f"--{boundary}\r\n".encode()
    body = between + between.join(parts) + f"--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"
