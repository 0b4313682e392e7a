"""Bring a database to the tables that this version of akasa expects (Alembic)."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from akasa import __version__
from akasa.stores import database
from akasa.workspace.failpoints import reached
from akasa.workspace.settings import Settings

HEAD = "head"


class NewerDatabase(RuntimeError):
    """The database has tables of a newer version of akasa: nobody brings it back."""


def upgrade(settings: Settings, revision: str = HEAD) -> tuple[str | None, str | None]:
    """Run the migrations that the database lacks; return its revision before and after.

    Raises NewerDatabase.
    """
    with database.transaction(settings) as connection:
        before = current(connection)
        if is_newer(before):
            raise NewerDatabase(
                f"the database is at {before}, which this version of akasa ({__version__}) does not know: a "
                "newer one has brought it there. Use that one, or restore the dump that was made before"
            )
        wanted = scripts().get_current_head() if revision == HEAD else revision
        if before != wanted:
            reached("before the migration")
            command.upgrade(_config(connection), revision)
            reached("after the migration")
        return before, current(connection)


def behind(settings: Settings) -> bool:
    """Return whether the database lacks a migration."""
    with database.connection(settings) as connection:
        return current(connection) != scripts().get_current_head()


def is_newer(revision: str | None) -> bool:
    """Return whether a revision is none of this version's."""
    return revision not in {None, *(known.revision for known in scripts().walk_revisions())}


def current(connection: Connection) -> str | None:
    """Return the database's revision, or None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def scripts() -> ScriptDirectory:
    """Return the migrations in `akasa/migrations`."""
    return ScriptDirectory.from_config(_config(None))


def _config(connection: Connection | None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", (Path(__file__).parent / "migrations").as_posix())
    config.set_main_option("path_separator", "os")
    return config
