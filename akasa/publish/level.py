"""Keep the warehouse level with the database, which is published first."""

import shutil
import sys
from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass

import pandas as pd
from deltalake import DeltaTable

from akasa.publish import warehouse_merge
from akasa.publish.versions import typed
from akasa.stores import database, models, warehouse
from akasa.workspace import files
from akasa.workspace.settings import Settings
from akasa.workspace.tables import TABLES


@dataclass(frozen=True)
class Published:
    """What was just published: delivery_ids, their rows, and the months that orders left for other rows."""

    delivery_ids: Set[int]
    tables: Mapping[str, pd.DataFrame]
    months: Set[str]


@files.private()
def level_warehouse(settings: Settings, just_now: Published | None = None) -> None:
    """Bring the warehouse to what the database holds.

    Only the rows of deliveries that it lacks are merged: those just published, or what the database has of
    them. Where the warehouse holds nothing yet, or something that the ledger does not know so (another order,
    a backfill, another database), it is made anew; and, with a warning, where it is not as it was left.
    """
    opened, fault = _found(settings)
    if fault:
        # stderr: the notebook shows it in its place, the console that runs the notebook repeats it
        print(f"warning: the warehouse is made anew from the database: {fault}", file=sys.stderr)
    ledger = database.ledger(settings)
    held = warehouse.deliveries(settings)
    anew = bool(fault) or held.empty or not warehouse.marks(held) <= warehouse.marks(ledger)
    lacking = set(ledger["delivery_id"]) - (set() if anew else set(held["delivery_id"]))
    if not lacking and not anew:
        return
    if just_now is None or lacking != just_now.delivery_ids:
        just_now = Published(lacking, published(settings, lacking), warehouse.months(settings))
    if anew:
        warehouse_merge.rebuild(settings, just_now.tables, ledger, opened)
    else:
        warehouse_merge.merge(settings, just_now.tables, ledger, just_now.months, opened)


def _found(settings: Settings) -> tuple[dict[str, DeltaTable], str | None]:
    """Return the warehouse's tables, and in what they are not as the last publish left them.

    A publish that was cut short, an old copy of a table that was put back, a lost file: which of these it was
    cannot be told, and the database has all. What cannot be read is removed, since nothing can be written
    over it.
    """
    try:
        opened = warehouse.opened(settings)
        noted, found = warehouse.noted(settings, opened), warehouse.contents(settings, opened)
    except warehouse.UNREADABLE as error:
        for table in warehouse.SCHEMAS:
            shutil.rmtree(settings.warehouse / table, ignore_errors=True)
        first = str(error).splitlines()[0].replace(str(settings.data_dir), settings.label(settings.data_dir))
        return {}, f"it could not be read ({first})"
    return opened, None if noted in (None, found) else f"it was left with {noted}, and has {found}"


def published(settings: Settings, delivery_ids: Collection[int]) -> dict[str, pd.DataFrame]:
    """Return the database's customers, orders and order_items that come from some deliveries."""
    from_them = {table: models.METADATA.tables[table].c.delivery_id.in_(delivery_ids) for table in TABLES}
    return {table: typed(table, database.rows(settings, table, which)) for table, which in from_them.items()}
