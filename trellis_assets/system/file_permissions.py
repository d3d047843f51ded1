"""File permissions: other users of this machine may not read what we write."""

import os
import stat
from pathlib import Path

_OTHERS = 0o077


class FolderError(OSError):
    """A folder cannot be created; the text says what to do."""


def restrict_umask() -> None:
    """Set the umask of this process and its children, so that what they create is the user's alone."""
    os.umask(_OTHERS)


def make_private_folder(folder: Path) -> None:
    """Create the folder, and let only its owner enter it.

    The permissions of an existing folder stay where it is shared on purpose (sticky, like /tmp), belongs to
    another user, or is the home or working directory or a parent of them.

    Raises:
        FolderError: it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        is_file = isinstance(error, FileExistsError | NotADirectoryError)
        reason = "a file is in its place" if is_file else error.strerror or str(error)
        raise FolderError(
            f"The folder {folder} cannot be created: {reason}. "
            "Set TRELLIS_DATA_DIR to a folder that can be written."
        ) from error
    found = folder.stat()
    shared = found.st_uid != os.getuid() or found.st_mode & stat.S_ISVTX
    used_by_people = {place for used in (Path.home(), Path.cwd()) for place in (used, *used.parents)}
    if found.st_mode & _OTHERS and not shared and folder.resolve() not in used_by_people:
        folder.chmod(found.st_mode & ~_OTHERS & 0o7777)
