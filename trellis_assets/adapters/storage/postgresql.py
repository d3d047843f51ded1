"""PostgreSQL as the store: which limits its sessions have, and what a restart of the server costs."""

import time
from typing import Any

from sqlalchemy import URL, Engine, event

# Short transactions, many processes: what is not in use is given back.
POOL = {"pool_size": 4, "max_overflow": 8, "pool_timeout": 30, "pool_recycle": 1800, "pool_pre_ping": True}
# A server that restarts is waited for as long as a locked SQLite file is; a process that never reached it
# is told soon, since a person may be waiting.
PATIENCE_S = 30.0
FIRST_PATIENCE_S = 5.0
_LOOK_EVERY_S = 0.25
_CONNECT_TIMEOUT_S = 10
_SESSION = {
    # No session waits for a lock for ever, and none that stopped within a transaction keeps one.
    "lock_timeout": "30s",
    "statement_timeout": "300s",
    "idle_in_transaction_session_timeout": "60s",
    # A client whose machine lost its power holds its row locks for at most a minute.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "default_transaction_isolation": "read\\ committed",
    "client_encoding": "UTF8",
}


def with_driver(url: URL) -> URL:
    """Return the URL with psycopg 3 as its driver where it names none; `postgres://` is PostgreSQL too."""
    if url.drivername in {"postgres", "postgresql"}:
        return url.set(drivername="postgresql+psycopg")
    return url


def connect_arguments(url: URL) -> dict[str, Any]:
    """Return the arguments of each connection; options in the URL win."""
    options = [f"-c {name}={value}" for name, value in _SESSION.items()]
    asked = url.query.get("options", ())
    options += [asked] if isinstance(asked, str) else asked
    arguments: dict[str, Any] = {
        "connect_timeout": _CONNECT_TIMEOUT_S,
        "application_name": "trellis_assets",
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
    }
    mine = {name: value for name, value in arguments.items() if name not in url.query}
    return mine | {"options": " ".join(options)}


def tune(engine: Engine) -> None:
    """Let reading transactions see one state of the store, and wait for a server that restarts."""
    reached = False

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        # Writers stay at READ COMMITTED: after a wait for a row they look at it as it is now.
        if connection.get_execution_options().get("reads_only", False):
            # By the driver's own cursor: this connection's may be one that streams a query's rows.
            with connection.connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

    @event.listens_for(engine, "do_connect")
    def _connect(dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
        # Nothing was sent yet: trying again repeats nothing.
        nonlocal reached
        deadline = time.monotonic() + (PATIENCE_S if reached else FIRST_PATIENCE_S)
        while True:
            try:
                connection = dialect.connect(*arguments, **options)
            except dialect.loaded_dbapi.OperationalError:
                if time.monotonic() + _LOOK_EVERY_S > deadline:
                    raise
                time.sleep(_LOOK_EVERY_S)
            else:
                reached = True
                return connection
