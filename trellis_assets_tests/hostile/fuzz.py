"""Coverage-guided fuzzing of the transport's parser: `make fuzz`, for TRELLIS_FUZZ_SECONDS."""

import os
import sys

import atheris

with atheris.instrument_imports(
    include=["trellis_assets.adapters.http_client", "trellis_assets.adapters.bittensor"]
):
    from trellis_assets_tests.hostile.parsing import read_all_ways

_HEAD = b"HTTP/1.1 200 OK\r\n"


def once(data: bytes) -> None:
    """Try the bytes as they are, as what follows a status line, and as a body."""
    piece = data[0] + 1 if data else 1
    for whole in (data, _HEAD + data, _HEAD + b"Content-Length: %d\r\n\r\n" % len(data) + data):
        read_all_ways(whole, piece)


def main() -> None:
    """Fuzz; a crash ends it with the bytes that did it."""
    seconds = os.environ.get("TRELLIS_FUZZ_SECONDS", "60")
    options = [f"-max_total_time={seconds}", "-max_len=4096", "-artifact_prefix=/tmp/trellis-fuzz-"]
    atheris.Setup([sys.argv[0], *options, *sys.argv[1:]], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
