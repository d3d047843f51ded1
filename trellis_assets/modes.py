"""Who else on this machine may read what we write: nobody."""

import os
import stat
from pathlib import Path

_OTHERS = 0o077


def write_privately() -> None:
    """Every file and folder that this process and its children make is the user's alone."""
    os.umask(_OTHERS)


def make_private(folder: Path) -> None:
    """The folder exists, and only its owner may enter it.

    One that is shared on purpose (sticky, like /tmp), another's, or one that the user lives or
    works in is left as it is.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.stat()
    shared = found.st_uid != os.getuid() or found.st_mode & stat.S_ISVTX
    lived_in = {place for home in (Path.home(), Path.cwd()) for place in (home, *home.parents)}
    if found.st_mode & _OTHERS and not shared and folder.resolve() not in lived_in:
        folder.chmod(found.st_mode & ~_OTHERS & 0o7777)
