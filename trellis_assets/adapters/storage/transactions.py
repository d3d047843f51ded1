"""Reading and writing transactions, with errors that name the store."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionError
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage.noted_events import write_noted
from trellis_assets.ports import StoreError


class Transactions:
    """The transactions of one database. Safe to share between threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Commit at the end of the block, or roll everything back when it raises.

        Raises:
            StoreError: the database failed.
        """
        with self._named_errors(), Session(self.engine) as session, session.begin():
            yield session
            write_noted(session)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Read one consistent state of the store in the block.

        Raises:
            StoreError: the database failed.
        """
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


class Repository:
    """Operations on one subject of the store. Each public method is one transaction."""

    def __init__(self, transactions: Transactions) -> None:
        self._writing, self._reading = transactions.writing, transactions.reading
