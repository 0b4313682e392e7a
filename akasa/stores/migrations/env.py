"""Alembic's entry: run migrations on the connection that `akasa.migrate` hands over."""

from alembic import context

from akasa.stores.models import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
