"""Alembic's environment: the connection is handed in by whoever opens the store."""

from alembic import context

from trellis_assets.adapters.storage.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
