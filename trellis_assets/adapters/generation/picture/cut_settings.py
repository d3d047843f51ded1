"""How objects are cut out of pictures, as it is set."""

from dataclasses import dataclass
from enum import StrEnum


class Background(StrEnum):
    """How objects are cut out of pictures."""

    WHITE = "white"
    REMBG = "rembg"
    SEGMENTATION = "segmentation"


@dataclass(frozen=True, slots=True)
class CutSettings:
    """How the object is cut out.

    Attributes:
        method: white needs no weights.
        model: a rembg session (u2net, isnet-general-use, birefnet-general), or the name or folder of
            a segmentation model.
        revision: of the hub's repository.
        code_revision: the full commit whose Python code may run in this process; None runs none.
    """

    method: Background = Background.WHITE
    model: str = ""
    revision: str | None = None
    code_revision: str | None = None
