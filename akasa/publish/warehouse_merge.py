"""Write published rows into the warehouse's Delta tables, month by month.

Each table changes in one commit, through the table that was read, so that a commit of another writer in
between is an error and not lost. `deliveries`, the copy of the ledger, is written last, so that a run cut
short between two tables is seen, and done again.

Before that, files and log entries go that no reader needs any more: a table that is written anew every day
would else take many times the room of its rows.
"""

import math
from collections.abc import Iterable, Mapping, Set

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from akasa.publish import warehouse_files
from akasa.publish.versions import among, distinct, with_month
from akasa.stores import lock, warehouse
from akasa.workspace import storage
from akasa.workspace.failpoints import reached
from akasa.workspace.rows import Rows, Table, are_many, whole
from akasa.workspace.settings import Settings
from akasa.workspace.tables import KEYS, VERSIONED

_TEXT = pa.string()
Opened = dict[str, DeltaTable]


def rebuild(
    settings: Settings,
    tables: Mapping[str, Table],
    ledger: pd.DataFrame,
    opened: Opened | None = None,
) -> None:
    """Put rows in place of all that the warehouse holds, or held when it was `opened`."""
    opened = warehouse.opened(settings) if opened is None else opened
    if not isinstance(tables["orders"], Rows):  # which have their months
        tables = with_month({name: whole(table) for name, table in tables.items()})
    for name, table in tables.items():
        _overwrite(settings, opened, name, table)
    _note(settings, opened, ledger)


def merge(
    settings: Settings,
    tables: Mapping[str, Table],
    ledger: pd.DataFrame,
    months: Set[str],
    opened: Opened | None = None,
    leaving: Set[int] = frozenset(),
) -> None:
    """Merge accepted rows. A row yields to the one that is there when that one's delivery stands later.

    `months` are those, beside the rows' own, in which the orders may stand that these replace: other months'
    files are not opened. What is there is what was when the warehouse was `opened`. Rows of the deliveries
    that are `leaving` go first. Of `holdings`, all rows of a number go with the first one that comes.
    """
    opened = warehouse.opened(settings) if opened is None else opened
    incoming = with_month({name: whole(rows) for name, rows in tables.items()})
    months = months | set(incoming["orders"]["order_month"])
    held, gone = {}, {}
    for name in VERSIONED:
        there = _versions(settings, opened, name, incoming[name][_key(name)], months, leaving)
        goes = there["delivery_id"].isin(leaving)
        held[name], gone[name] = there[~goes], there[goes]
    for name, frame in _not_superseded(incoming, held, ledger).items():
        yields = among(held[name][_key(name)], frame[_key(name)])
        if len(frame) or len(gone[name]):
            _replace(settings, opened, name, frame, pd.concat([held[name][yields], gone[name]]))
    holdings = whole(tables["holdings"])
    if len(holdings):
        number = _key("holdings")
        wanted = _one_of(number, distinct(holdings[number]))
        held_by = _held(settings, opened, "holdings", [number], wanted)
        _replace(settings, opened, "holdings", holdings, held_by)
    _note(settings, opened, ledger)


def replace(
    settings: Settings, gone: "pd.Series[str]", tables: Mapping[str, pd.DataFrame], ledger: pd.DataFrame
) -> None:
    """Take orders out with their items, and put others in."""
    opened = warehouse.opened(settings)
    months = warehouse.months(settings)
    for name, frame in with_month(tables).items():
        held = _versions(settings, opened, name, pd.concat([gone, frame["order_id"]]), months)
        if len(frame) or len(held):
            _replace(settings, opened, name, frame, held)
    _note(settings, opened, ledger)


def _note(settings: Settings, opened: Opened, ledger: pd.DataFrame) -> None:
    """Write the copy of the ledger, which says in every row what the other tables hold now."""
    for name in opened.keys() & KEYS.keys():
        _tidy(settings, opened, name)
    holds = warehouse.contents(settings, opened)
    _overwrite(settings, opened, "deliveries", ledger.assign(holds=holds))
    _tidy(settings, opened, "deliveries")


def _tidy(settings: Settings, opened: Opened, name: str) -> None:
    """Remove what a table's old versions alone need, once it is older than WAREHOUSE_RETENTION_DAYS.

    Old versions are read by nobody but those who began before this publish.
    """
    with storage.warehouse(settings).faults():
        _tidied(opened[name], name, math.ceil(settings.warehouse_retention_days * 24))


def _tidied(table: DeltaTable, name: str, hours: int) -> None:
    kept = dict.fromkeys(
        ("delta.logRetentionDuration", "delta.deletedFileRetentionDuration"), f"interval {hours} hours"
    )
    if not kept.items() <= table.metadata().configuration.items():
        reached(f"before setting the retention of {name}")
        table.alter.set_table_properties(kept)
    reached(f"before vacuuming {name}")
    # `full`: also the files of a publish that was cut short, which no version ever had
    table.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=True)
    reached(f"before the checkpoint of {name}")
    table.create_checkpoint()
    reached(f"before cutting the log of {name}")
    table.cleanup_metadata()


def _not_superseded(
    incoming: Mapping[str, pd.DataFrame], held: Mapping[str, pd.DataFrame], ledger: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """Keep the incoming rows whose delivery stands after that of the row that they would replace.

    Of customers, not those either that are there already: where no row is left, the table stays as it is.
    """
    place = ledger.set_index("delivery_id")["position"]
    kept = {}
    for name in ("customers", "orders"):
        rows, there = incoming[name], held[name].set_index(_key(name))["delivery_id"].map(place)
        before = rows[_key(name)].map(there).astype("str")
        kept[name] = rows[before.isna() | ~(before > rows["delivery_id"].map(place).astype("str"))]
    customers = kept["customers"]
    there = customers["customer_id"].map(held["customers"].set_index("customer_id")["delivery_id"])
    kept["customers"] = customers[there != customers["delivery_id"]]
    items = incoming["order_items"]
    return {**kept, "order_items": items[among(items["order_id"], kept["orders"]["order_id"])]}


def _replace(settings: Settings, opened: Opened, name: str, frame: pd.DataFrame, held: pd.DataFrame) -> None:
    """Put rows in place of the held ones, in one commit. Other files than those are not written anew."""
    if name not in opened:
        _overwrite(settings, opened, name, frame)
        return
    key, place = _key(name), storage.warehouse(settings)
    leaving, touched = distinct(pd.concat([held[key], frame[key]])), set(held[warehouse_files.FILE])
    with place.faults():
        what = name, opened[name], KEYS[name], _arrow(name, frame), leaving, touched
        if _is_for_workers(settings, frame):
            from akasa.publish import on_cluster  # which imports Dask

            change = on_cluster.written(settings, *what)
        else:
            change = warehouse_files.written(place, *what)
        reached(f"before the Delta commit of {name}")
        lock.require_lease(settings)
        warehouse_files.commit(opened[name], name, change)


def _overwrite(settings: Settings, opened: Opened, name: str, table: Table) -> None:
    """Put rows in place of all."""
    place, parts = storage.warehouse(settings), _in_key_order(name, table)
    with place.faults():
        if _is_for_workers(settings, table):
            from akasa.publish import on_cluster  # which imports Dask

            change = on_cluster.filled(settings, name, KEYS[name], parts)
        else:
            change = warehouse_files.filled(place, name, parts)
        reached(f"before the Delta commit of {name}")
        lock.require_lease(settings)
        if name in opened:
            warehouse_files.commit(opened[name], name, change, "overwrite")
        else:
            warehouse_files.create(place, name, change)
            opened[name] = warehouse.present(settings, name)


def _versions(
    settings: Settings,
    opened: Opened,
    name: str,
    keys: "pd.Series[str]",
    months: Set[str],
    of: Set[int] = frozenset(),
) -> pd.DataFrame:
    """Return key, delivery_id and file of rows held under the keys in some months, or `of` deliveries."""
    key = _key(name)
    wanted = _one_of(key, distinct(keys))
    if "order_month" in warehouse.SCHEMAS[name].names:
        wanted &= pc.field("order_month").isin(pa.array(sorted(months), _TEXT))
    if of:
        wanted |= pc.field("delivery_id").isin(pa.array(sorted(of), pa.int64()))
    return _held(settings, opened, name, [key, "delivery_id"], wanted)


def _one_of(key: str, keys: pa.Array) -> pc.Expression:
    """Return the condition that a key is one of some; by the least and the most, files stay shut."""
    field, ends = pc.field(key), pc.min_max(keys)
    return (field >= ends["min"]) & (field <= ends["max"]) & field.isin(keys)


def _held(
    settings: Settings, opened: Opened, name: str, columns: list[str], wanted: pc.Expression
) -> pd.DataFrame:
    """Return some columns, and the file, of what a table held when it was opened."""
    if name not in opened:
        return pd.DataFrame(columns=[*columns, warehouse_files.FILE])
    there = warehouse.dataset(name, settings, opened[name])
    with storage.warehouse(settings).faults():
        return there.to_table(columns=[*columns, warehouse_files.FILE], filter=wanted).to_pandas()


def _is_for_workers(settings: Settings, table: Table) -> bool:
    """Say whether so many rows come that workers write them, where there is a cluster."""
    return are_many(table) and settings.dask_scheduler_address is not None


def _key(name: str) -> str:
    """Return the column by which versions of a row replace each other: an order's items go with it."""
    return KEYS[name][0]


def _arrow(name: str, frame: pd.DataFrame) -> pa.Table:
    shape = warehouse.SCHEMAS[name]
    return pa.Table.from_pandas(frame[shape.names], shape, preserve_index=False)


def _in_key_order(name: str, table: Table) -> Iterable[pa.Table]:
    """Return the rows as the files take them: those of Rows, which are so, part by part."""
    if isinstance(table, Rows):
        return table.tables()
    keys = [(key, "ascending") for key in KEYS.get(name, ("position",))]
    return (_arrow(name, table).sort_by(keys),)
