"""The store of one database: a repository for each subject, whose methods are one transaction each."""

from sqlalchemy import Engine

from trellis_assets.adapters.storage.arrivals import SqlArrivals
from trellis_assets.adapters.storage.beliefs import SqlBeliefs
from trellis_assets.adapters.storage.candidates import SqlCandidates
from trellis_assets.adapters.storage.claims import SqlClaims
from trellis_assets.adapters.storage.consistency import SqlConsistency
from trellis_assets.adapters.storage.decisions import SqlDecisions
from trellis_assets.adapters.storage.durations import SqlDurations
from trellis_assets.adapters.storage.earnings import SqlEarnings
from trellis_assets.adapters.storage.ended_tasks import SqlEndedTasks
from trellis_assets.adapters.storage.endpoints import SqlEndpoints
from trellis_assets.adapters.storage.engine import BUSY_TIMEOUT_S, open_engine
from trellis_assets.adapters.storage.leases import SqlLeases
from trellis_assets.adapters.storage.model_catalogue import SqlModelCatalogue
from trellis_assets.adapters.storage.monitoring import SqlMonitoring
from trellis_assets.adapters.storage.polls import SqlPolls
from trellis_assets.adapters.storage.report_queries import SqlReportQueries
from trellis_assets.adapters.storage.retention import SqlRetention
from trellis_assets.adapters.storage.sessions import SqlSessions
from trellis_assets.adapters.storage.settled_tasks import SqlSettledTasks
from trellis_assets.adapters.storage.shared_demand import SqlSharedDemand
from trellis_assets.adapters.storage.slots import SqlSlots
from trellis_assets.adapters.storage.statistics import SqlStatistics
from trellis_assets.adapters.storage.tasks import SqlTasks
from trellis_assets.adapters.storage.transactions import Transactions
from trellis_assets.adapters.storage.validations import SqlValidations
from trellis_assets.adapters.storage.validators import SqlValidators


def open_store(database_url: str, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> "SqlStore":
    """Open the store at the URL, with the schema of this version.

    Raises:
        StoreError: it cannot be used; says what to do.
    """
    return SqlStore(open_engine(database_url, busy_timeout_s=busy_timeout_s))


class SqlStore:
    """`Store` over SQLAlchemy. Safe to share between threads and processes.

    Attributes:
        transactions: for tests and tools that need a session of their own.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.transactions = transactions = Transactions(engine)
        self.validators = SqlValidators(transactions)
        self.polls = SqlPolls(transactions)
        self.arrivals = SqlArrivals(transactions)
        self.claims = SqlClaims(transactions)
        self.leases = SqlLeases(transactions)
        self.tasks = SqlTasks(transactions)
        self.candidates = SqlCandidates(transactions)
        self.decisions = SqlDecisions(transactions)
        self.beliefs = SqlBeliefs(transactions)
        self.settled = SqlSettledTasks(transactions)
        self.endpoints = SqlEndpoints(transactions)
        self.slots = SqlSlots(transactions)
        self.durations = SqlDurations(transactions)
        self.shared_demand = SqlSharedDemand(transactions)
        self.validations = SqlValidations(transactions)
        self.sessions = SqlSessions(transactions)
        self.earnings = SqlEarnings(transactions)
        self.statistics = SqlStatistics(transactions)
        self.consistency = SqlConsistency(transactions)
        self.retention = SqlRetention(transactions)
        self.catalogue = SqlModelCatalogue(transactions)
        self.monitoring = SqlMonitoring(transactions)
        self.ended_tasks = SqlEndedTasks(transactions)
        self.reports = SqlReportQueries(engine)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
