"""What a database lacks of the models."""

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from akasa.stores import database
from akasa.stores.models import METADATA


def differences_from_models(settings):
    """Return what Alembic would still change to bring the database to the models."""
    with database.transaction(settings) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, METADATA)
