"""Who else on this machine may read what we write: nobody."""

import os
import stat
from pathlib import Path

_OTHERS = 0o077


class FolderError(OSError):
    """A folder of ours cannot be made; the text says what to do."""


def restrict_umask() -> None:
    """Every file and folder that this process and its children make is the user's alone."""
    os.umask(_OTHERS)


def make_private_folder(folder: Path) -> None:
    """Make the folder, and let only its owner enter it.

    One that is shared on purpose (sticky, like /tmp), another's, or one that the user lives or
    works in is left as it is.

    Raises:
        FolderError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        is_file = isinstance(error, FileExistsError | NotADirectoryError)
        reason = "a file is in its place" if is_file else error.strerror or str(error)
        raise FolderError(
            f"the folder {folder} cannot be made: {reason}; "
            "set TRELLIS_DATA_DIR to a folder that can be written"
        ) from error
    found = folder.stat()
    shared = found.st_uid != os.getuid() or found.st_mode & stat.S_ISVTX
    lived_in = {place for home in (Path.home(), Path.cwd()) for place in (home, *home.parents)}
    if found.st_mode & _OTHERS and not shared and folder.resolve() not in lived_in:
        folder.chmod(found.st_mode & ~_OTHERS & 0o7777)
