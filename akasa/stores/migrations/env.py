"""Alembic's entry: run migrations on the connection that `akasa.migrate` hands over."""

from alembic import context

from akasa.stores.models import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
