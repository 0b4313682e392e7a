"""Keep the warehouse level with the database, which is published first."""

import sys
from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from deltalake import DeltaTable

from akasa.publish import warehouse_merge
from akasa.publish.versions import typed
from akasa.stores import database, models, warehouse
from akasa.workspace import files, storage
from akasa.workspace.rows import Table
from akasa.workspace.settings import Settings
from akasa.workspace.tables import VERSIONED


@dataclass(frozen=True)
class Published:
    """What was just published: delivery_ids, their rows, and the months that orders left for other rows.

    `moved` are deliveries that only changed their places, `again` those that were published before.
    """

    delivery_ids: Set[int]
    tables: Mapping[str, Table]
    months: Set[str]
    moved: Set[int] = frozenset()
    again: Set[int] = frozenset()


@files.private()
def level_warehouse(settings: Settings, just_now: Published | None = None) -> None:
    """Bring the warehouse to what the database holds.

    Only the rows of deliveries that it lacks are merged: those just published, or what the database has of
    them. Where the warehouse holds nothing yet, or something that the ledger does not know so (a backfill,
    another database, another order than the one just published), it is made anew; and, with a warning, where
    it is not as it was left, or ahead of the database.
    """
    opened, fault = _found(settings)
    ledger = database.ledger(settings)
    held = warehouse.deliveries(settings, opened)
    fault = fault or _ahead(settings, ledger, held, just_now)
    if fault:
        # stderr: the notebook shows it in its place, the console that runs the notebook repeats it
        print(f"warning: the warehouse is made anew from the database: {fault}", file=sys.stderr)
    every, there = set(ledger["delivery_id"]), set(held["delivery_id"])
    same = {mark.delivery_id for mark in warehouse.marks(held) & warehouse.marks(ledger)}
    lacking, other = every - same, there - same
    known = just_now if just_now and lacking == just_now.delivery_ids | just_now.moved else None
    if fault or held.empty or other - (lacking if known else set()):
        is_first = known and held.empty and not (known.moved or known.again)
        tables = known.tables if known and is_first else published(settings, every)
        warehouse_merge.rebuild(settings, tables, ledger, opened)
    elif lacking:
        known = known or Published(lacking, published(settings, lacking), warehouse.months(settings))
        warehouse_merge.merge(settings, known.tables, ledger, known.months, opened, other - known.moved)


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
            storage.warehouse(settings).remove(table)
        first = str(error).splitlines()[0].replace(str(settings.data_dir), settings.label(settings.data_dir))
        return {}, f"it could not be read ({first})"
    return opened, None if noted in (None, found) else f"it was left with {noted}, and has {found}"


def _ahead(
    settings: Settings, ledger: pd.DataFrame, held: pd.DataFrame, just_now: Published | None
) -> str | None:
    """Return what the warehouse holds that the database never published: an older copy of it was restored.

    Of what was just published, only what comes again was there before; what was withdrawn may be there yet.
    """
    new = just_now.delivery_ids - just_now.again if just_now else set()
    known = {sha256: moment for sha256, delivery_id, _, moment in _moments(ledger) if delivery_id not in new}
    withdrawn = set(database.sightings(settings).query("withdrawn")["sha256"])
    names = [
        name
        for sha256, _, name, moment in _moments(held)
        if sha256 not in withdrawn and moment > known.get(sha256, datetime.min)
    ]
    if not names:
        return None
    which = ", ".join(names[:3]) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")
    return f"it was ahead, as after a restore, with a publish of {which} that the database does not know"


def _moments(deliveries: pd.DataFrame) -> Iterator[tuple[str, int, str, datetime]]:
    """Yield sha256, delivery_id and name of each delivery, and when it was published or backfilled last."""
    for row in deliveries.itertuples():
        moments = [datetime.fromisoformat(text) for text in (row.published_at, row.backfilled_at) if text]
        yield row.sha256, row.delivery_id, row.name, max(moments)


def published(settings: Settings, delivery_ids: Collection[int]) -> dict[str, pd.DataFrame]:
    """Return the database's customers, orders and items that come from some deliveries, and all holdings."""
    from_them = {table: models.METADATA.tables[table].c.delivery_id.in_(delivery_ids) for table in VERSIONED}
    rows = {table: typed(table, database.rows(settings, table, which)) for table, which in from_them.items()}
    return {**rows, "holdings": _holdings(settings)}


def _holdings(settings: Settings) -> pd.DataFrame:
    return typed("holdings", database.rows(settings, "holdings"))
