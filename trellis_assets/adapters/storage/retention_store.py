"""`RetentionStore`: each method is one transaction."""

from datetime import datetime

from trellis_assets.adapters.storage import retention, tasks
from trellis_assets.adapters.storage.transactions import Transactions
from trellis_assets.domain.retention import Forgotten, StoredModel, Surplus

ARCHIVED_AT_ONCE = 2_000


class SqlRetentionStore(Transactions):
    """What may go, and what says that it is gone."""

    def forget_prompts(self, before: datetime) -> int:
        """How many prompts were forgotten."""
        with self.writing() as session:
            return tasks.forget_prompts(session, before)

    def stored_models(self) -> list[StoredModel]:
        """Every model whose files are there."""
        with self.reading() as session:
            return retention.stored_models(session)

    def forget_models(self, gone: Surplus, now: datetime) -> Forgotten:
        """The rows no longer need these files, nor the pictures that the models were made from."""
        with self.writing() as session:
            plys = retention.forget_plys(session, gone.plys)
            pictures = retention.forget_pictures_of(session, gone.models)
            retention.mark_deleted(session, gone.models, now)
            return Forgotten(tuple(plys), tuple(pictures))

    def known_files(self) -> set[str]:
        """Paths of all files that a task needs or may need."""
        with self.reading() as session:
            return retention.known_files(session)

    def forget_pictures(self, before: datetime) -> int:
        """How many image prompts were dropped."""
        with self.writing() as session:
            return retention.forget_pictures(session, before)

    def archive_tasks(self, before: datetime) -> int:
        """How many ended tasks became sums; in short transactions, so that mining goes on between."""
        archived = 0
        while True:
            with self.writing() as session:
                done = retention.archive_tasks(session, before, ARCHIVED_AT_ONCE)
            archived += done
            if done < ARCHIVED_AT_ONCE:
                return archived

    def forget_snapshots(self, before: datetime) -> int:
        """How many exported statistics were dropped."""
        with self.writing() as session:
            return retention.forget_snapshots(session, before)
