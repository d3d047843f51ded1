"""Reading and writing transactions, with errors that name the store."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionError
from sqlalchemy.orm import Session

from trellis_assets.ports import StoreError


class Transactions:
    """A database. Safe to share between threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def close(self) -> None:
        """All connections are closed."""
        self.engine.dispose()

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that is committed at the end, or leaves nothing behind."""
        with self._named_errors(), Session(self.engine) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that sees one state of the store."""
        with self._named_errors(), Session(self.engine) as session:
            session.connection(execution_options={"reads_only": True})
            yield session

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, NoConnectionError) as error:
            url = self.engine.url.render_as_string(hide_password=True)
            cause = str(getattr(error, "orig", None) or error).strip()
            raise StoreError(f"the store {url} failed: {cause}") from error
