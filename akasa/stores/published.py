"""Whether there is something published to look at, and what to run first where there is not."""

import hashlib

from akasa.stores import database, lock, migrate, warehouse
from akasa.workspace.settings import Settings


class NothingPublished(LookupError):
    """There is no published table to look at yet."""


def require(settings: Settings, engine: str) -> None:
    """Raise NothingPublished where somebody looks by hand, and the engine's store holds no delivery.

    A run has published before it looks; if all was refused, its tables are empty, and it says so.
    """
    if lock.is_by_hand() and _is_bare(settings, engine):
        raise NothingPublished("nothing is published yet: run notebooks 01_ingest and 02_validate first")


def state(settings: Settings, engine: str) -> str:
    """Return a digest of the deliveries in the store that an engine reads: another one, other KPIs."""
    if _is_bare(settings, engine):
        return "nothing"
    held = database.ledger(settings) if engine == "sql" else warehouse.deliveries(settings)
    return hashlib.sha256(repr(sorted(map(tuple, warehouse.marks(held)))).encode()).hexdigest()


def _is_bare(settings: Settings, engine: str) -> bool:
    if engine != "sql":
        return len(warehouse.deliveries(settings)) == 0
    if not database.exists(settings):
        return True
    with database.connection(settings) as connection:
        nothing = migrate.current(connection) is None
    return nothing or database.ledger(settings).empty
