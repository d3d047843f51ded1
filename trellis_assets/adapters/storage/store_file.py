"""The file of an SQLite store: whether open connections still write to the file at its path.

On POSIX systems a deleted file lives on where it is open: everything would go on to work, and be gone
with the last process. So each transaction looks first, which costs some microseconds.
"""

from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine, event

from trellis_assets.ports import StoreError, StoreGoneError

RECOVERED_SUFFIX = ".recovered"
_WAL = "wal_identity"
_Identity = tuple[int, int]


def recovered_file(store: Path) -> Path:
    """Return the path at which the content of a deleted store is saved."""
    return store.with_name(store.name + RECOVERED_SUFFIX)


def refuse_to_replace(store: Path) -> None:
    """Return if a new store may be made where none is.

    Raises:
        StoreError: the content of a deleted store lies beside it: starting anew would forget it.
    """
    saved = recovered_file(store)
    if not store.exists() and saved.exists():
        raise StoreError(
            f"there is no store at {store}, and {saved} holds what was saved when it was deleted: "
            f"put it back with `trellis-assets restore {saved}`, or move it away to start with an empty store"
        )


class StoreFile:
    """The file that an engine opened first; every later transaction must find the same one."""

    def __init__(self, path: Path) -> None:
        self._path, self._wal_path = str(path), f"{path}-wal"
        self._opened: _Identity | None = None

    def guard(self, engine: Engine) -> None:
        """Let connections and transactions of the engine raise `StoreGoneError` once the file is another."""
        event.listen(engine, "do_connect", self._before_connect)
        event.listen(engine, "begin", self._before_transaction)

    def opened(self, record: Any) -> None:
        """Remember which file the new connection has open.

        Raises:
            StoreGoneError: not the one that earlier connections have.
        """
        self._opened = self._opened or _identity(self._path)
        self._check_file()
        record.info[_WAL] = _identity(self._wal_path)

    def _before_connect(self, _dialect: Any, _record: Any, arguments: list[Any], options: Any) -> None:
        if self._opened is None:
            return
        self._check_file()
        # SQLite would make an empty file in the place of one that is deleted just now.
        arguments[:] = [f"file:{quote(self._path)}?mode=rw"]
        options["uri"] = True

    def _before_transaction(self, connection: Any) -> None:
        self._check_file()
        found, known = _identity(self._wal_path), connection.info.get(_WAL)
        if known is None:
            connection.info[_WAL] = found  # the first connection of a new file makes the journal later
        elif found != known:
            raise StoreGoneError(f"the store's journal {self._wal_path} was deleted while the store is open")

    def _check_file(self) -> None:
        found = _identity(self._path)
        if found is None:
            raise StoreGoneError(f"the store {self._path} was deleted while it is open")
        if found != self._opened:
            raise StoreGoneError(f"the store {self._path} was replaced by another file while it is open")


def _identity(path: str) -> _Identity | None:
    try:
        found = Path(path).stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
