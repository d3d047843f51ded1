"""Names that Python 3.11 has and 3.10 lacks, for the modules that the generation server shares.

TRELLIS's own set-up ends at Python 3.10, where the server runs alone (`packages/trellis-assets-server`).
"""

import sys

if sys.version_info >= (3, 11):
    import tomllib
    from datetime import UTC
    from enum import StrEnum
    from typing import Self
else:
    from datetime import timezone
    from enum import Enum

    import tomli as tomllib
    from typing_extensions import Self

    UTC = timezone.utc

    class StrEnum(str, Enum):
        """Behaves as `enum.StrEnum`: a member is its value, also in `str()` and f-strings."""

        __str__ = str.__str__
        __format__ = str.__format__


__all__ = ["UTC", "Self", "StrEnum", "tomllib"]
