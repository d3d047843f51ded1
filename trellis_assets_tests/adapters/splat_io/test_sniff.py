"""Formats are told by their first bytes, as servers mislabel them."""

from collections.abc import Callable

import pytest

from trellis_assets.adapters.splat_io.codec import BytesCodec
from trellis_assets.adapters.splat_io.errors import SplatFormatError
from trellis_assets.adapters.splat_io.sniff import decode_splats
from trellis_assets.adapters.splat_io.spz import encode_gzip_spz, encode_payload
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.testing.splats import a_cloud

CODEC = BytesCodec()


@pytest.mark.parametrize("encode", [CODEC.encode_ply, CODEC.encode_spz, encode_gzip_spz, encode_payload])
def test_every_format_is_detected_by_its_first_bytes(encode: Callable[[GaussianSplats], bytes]) -> None:
    splats = a_cloud(40)
    assert encode_payload(decode_splats(encode(splats))) == encode_payload(splats)


@pytest.mark.parametrize(
    "data", [b"", b"<!doctype html><html>", b'{"detail":"busy"}', b"\x89PNG\r\n", b"PK\x03\x04"]
)
def test_anything_else_is_refused_with_what_was_found(data: bytes) -> None:
    with pytest.raises(SplatFormatError, match="neither PLY nor SPZ"):
        decode_splats(data)


def test_the_limit_on_splats_holds_for_every_format() -> None:
    for encode in (CODEC.encode_ply, CODEC.encode_spz):
        with pytest.raises(SplatFormatError, match="1 to 39"):
            decode_splats(encode(a_cloud(40)), max_splats=39)
