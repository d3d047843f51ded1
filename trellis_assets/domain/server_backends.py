"""The backends of the generation server, each in one row.

To add one, write a module with a function that returns a `ports.ServerBackend`, and add its row here: the
choices of `TRELLIS_SERVER_BACKEND`, the help of `--backend`, the doctor's check of the GPU, the server and
docs/settings.md (`make docs-settings`) follow from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BackendEntry:
    """One backend.

    Attributes:
        makes: what it makes models with, in a few words for people.
        factory: `module:function`; the function takes the settings of the servers and the revisions of
            weights, and returns the backend. It is imported when a server starts, and only then.
        uses_gpu: the server's process is shown one GPU alone, and the doctor asks for its driver.
    """

    makes: str
    factory: str
    uses_gpu: bool


SERVER_BACKENDS: Mapping[str, BackendEntry] = {
    "embedded": BackendEntry(
        makes="simple bodies from a vocabulary, on the CPU",
        factory="trellis_assets.adapters.generation.embedded.backend:build",
        uses_gpu=False,
    ),
    "trellis": BackendEntry(
        makes="TRELLIS, with or without the picture route",
        factory="trellis_assets.adapters.generation.trellis.build:build",
        uses_gpu=True,
    ),
}
DEFAULT_BACKEND = "embedded"
