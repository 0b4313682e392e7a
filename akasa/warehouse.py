"""The warehouse: the published tables as Delta Lake, orders and their items partitioned by month.

It follows the database's ledger: `publish` is told which deliveries it should hold and brings itself level.
"""

from collections.abc import Mapping, Sequence, Set
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, write_deltalake
from pyarrow.dataset import Dataset, InMemoryDataset
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from akasa.failpoints import reached
from akasa.settings import Settings, load

_TEXT, _WHOLE = pa.string(), pa.int64()
SCHEMAS = {
    "customers": pa.schema(
        {
            "customer_id": _TEXT,
            "customer_name": _TEXT,
            "mobile_number": _TEXT,
            "region": _TEXT,
            "delivery_id": _WHOLE,
        }
    ),
    "orders": pa.schema(
        {
            "order_id": _TEXT,
            "mobile_number": _TEXT,
            "order_date_time": pa.timestamp("us"),
            "order_date": pa.date32(),
            "total_amount_paise": _WHOLE,
            "delivery_id": _WHOLE,
            "order_month": _TEXT,
        }
    ),
    "order_items": pa.schema(
        {
            "order_id": _TEXT,
            "sku_id": _TEXT,
            "sku_count": _WHOLE,
            "amount_paise": _WHOLE,
            "delivery_id": _WHOLE,
            "order_month": _TEXT,
        }
    ),
    "deliveries": pa.schema(
        {
            "delivery_id": _WHOLE,
            "sha256": _TEXT,
            "position": _TEXT,
            "name": _TEXT,
            "published_at": _TEXT,
            "backfilled_at": _TEXT,
        }
    ),
}
KEYS = {"customers": ["customer_id"], "orders": ["order_id"], "order_items": ["order_id", "sku_id"]}


def customers(settings: Settings | None = None) -> pd.DataFrame:
    """Return customer_id, customer_name, mobile_number, region, delivery_id and its delivery's position."""
    settings = settings or load()
    rows = _read(settings, "customers").combine_chunks().to_pandas()
    places = _read(settings, "deliveries").to_pandas().set_index("delivery_id")["position"]
    return rows.assign(position=rows["delivery_id"].map(places).astype("str"))


def orders(settings: Settings | None = None, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return one row an order: order_id, mobile_number, order_date_time, order_date, total_amount_paise, …"""
    return _read(settings or load(), "orders", columns).to_pandas(date_as_object=False)


def order_items(settings: Settings | None = None, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return one row an order line: order_id, sku_id, sku_count, amount_paise (null unless per line), …"""
    return _read(settings or load(), "order_items", columns).to_pandas()


def dataset(table: str, settings: Settings) -> Dataset:
    """Return a published table, for reads of some columns and rows; files without such rows stay shut.

    Arrow opens the files itself: threads that come back to Python for that abort a process that is ending.
    """
    if not _exists(settings, table):
        return InMemoryDataset(SCHEMAS[table].empty_table())
    place = _uri(settings, table)
    return DeltaTable(place).to_pyarrow_dataset(filesystem=SubTreeFileSystem(place, LocalFileSystem()))


def count(table: str, settings: Settings) -> int:
    """Return how many rows a published table has, from the files' footers."""
    rows: int = dataset(table, settings).count_rows()
    return rows


def read(settings: Settings, name: str) -> pd.DataFrame:
    """Return a published table with all its columns."""
    return _read(settings, name).to_pandas(date_as_object=False)


def latest_order_date(settings: Settings) -> date | None:
    """Return the latest published order date, or None where no order was published."""
    latest: date | None = pc.max(_read(settings, "orders", ["order_date"])["order_date"]).as_py()
    return latest


def deliveries(settings: Settings | None = None) -> pd.DataFrame:
    """Return the deliveries that the warehouse holds: delivery_id, sha256, position, name, and when.

    None where one of the tables is missing or of another version of akasa: then the others are not to be
    relied on either.
    """
    settings = settings or load()
    if all(_is_current(settings, name) for name in SCHEMAS):
        return _read(settings, "deliveries").to_pandas()
    return SCHEMAS["deliveries"].empty_table().to_pandas()


def marks(deliveries: pd.DataFrame) -> set[tuple[str, ...]]:
    """Return what tells one publishing of a delivery from another: of the ledger, or the warehouse's copy."""
    columns = ["sha256", "position", "published_at", "backfilled_at"]
    return set(deliveries[columns].itertuples(index=False, name=None))


def files(table: str, settings: Settings | None = None) -> list[str]:
    """Return the Parquet files that make up the table's present version."""
    settings = settings or load()
    return sorted(DeltaTable(_uri(settings, table)).file_uris()) if _exists(settings, table) else []


def publish(
    settings: Settings,
    tables: Mapping[str, pd.DataFrame],
    ledger: pd.DataFrame,
    replace_all: bool = False,
    months: Set[str] | None = None,
) -> None:
    """Merge accepted rows into the Delta tables, then note the ledger's deliveries as held.

    A row yields to the one that is there when that one's delivery stands later. Each table changes in one
    commit; `deliveries` comes last, so that a run cut short between two tables is seen and done again.
    `replace_all` puts the rows in place of everything. `months` says where, beside the rows' own months, the
    orders stand that they replace; without it, they are looked for in all.
    """
    place = ledger.set_index("delivery_id")["position"]
    incoming = _with_month(tables)
    held: dict[str, pd.DataFrame] = {}
    if not replace_all:
        known = None if months is None else months | set(incoming["orders"]["order_month"])
        held = {
            name: _versions(settings, name, frame[KEYS[name][0]], known) for name, frame in incoming.items()
        }
        for name, key in (("customers", "customer_id"), ("orders", "order_id")):
            incoming[name] = _not_superseded(incoming[name], held[name], key, place)
        items = incoming["order_items"]
        incoming["order_items"] = items[_among(items["order_id"], incoming["orders"]["order_id"])]
    for name, frame in incoming.items():
        if replace_all or not _exists(settings, name):
            _overwrite(settings, name, _arrow(name, frame))
        elif len(frame):
            key = KEYS[name][0]
            _replace(settings, name, frame, held[name][_among(held[name][key], frame[key])])
    _overwrite(settings, "deliveries", _arrow("deliveries", ledger))


def replace(
    settings: Settings, gone: "pd.Series[str]", tables: Mapping[str, pd.DataFrame], ledger: pd.DataFrame
) -> None:
    """Take orders out with their items, put others in, and note the ledger's deliveries as held.

    Only months that orders leave or come to are rewritten; each table changes in one commit.
    """
    for name, frame in _with_month(tables).items():
        _replace(settings, name, frame, _versions(settings, name, pd.concat([gone, frame["order_id"]])))
    _overwrite(settings, "deliveries", _arrow("deliveries", ledger))


def _replace(settings: Settings, name: str, frame: pd.DataFrame, held: pd.DataFrame) -> None:
    """Put rows in place of the held ones, in one commit.

    Only the months that rows come to or leave are rewritten. They are those of this very table, since a run
    cut short may have left orders and items in different ones.
    """
    key = KEYS[name][0]
    keys = pd.concat([held[key], frame[key]])
    touched, predicate = None, None
    if "order_month" in SCHEMAS[name].names:
        months = sorted({*frame["order_month"], *held["order_month"]})
        touched = pc.field("order_month").isin(months)
        predicate = "order_month in (" + ", ".join(f"'{month}'" for month in months) + ")"
    there = _read(settings, name, filter_=touched)
    stays = there.filter(pc.invert(pc.is_in(there[key], _distinct(keys))))
    _overwrite(settings, name, pa.concat_tables([stays, _arrow(name, frame)]), predicate)


def _overwrite(settings: Settings, name: str, rows: pa.Table, predicate: str | None = None) -> None:
    partition = ["order_month"] if "order_month" in SCHEMAS[name].names else None
    keys = [(key, "ascending") for key in KEYS.get(name, ["position"])]
    reached(f"before the Delta commit of {name}")
    write_deltalake(
        _uri(settings, name),
        rows.sort_by(keys),
        mode="overwrite",
        partition_by=partition,
        predicate=predicate,
        schema_mode=None if predicate else "overwrite",
    )


def _versions(
    settings: Settings, name: str, keys: "pd.Series[str]", months: Set[str] | None = None
) -> pd.DataFrame:
    """Return key, delivery_id (and order_month) of the rows held under the keys, in some months or in all."""
    key = KEYS[name][0]
    wanted = pc.field(key).isin(_distinct(keys))
    columns = [c for c in (key, "delivery_id", "order_month") if c in SCHEMAS[name].names]
    if months is not None and "order_month" in columns:
        wanted &= pc.field("order_month").isin(pa.array(sorted(months), _TEXT))
    return _read(settings, name, columns, wanted).to_pandas()


def _not_superseded(
    incoming: pd.DataFrame, held: pd.DataFrame, key: str, place: "pd.Series[str]"
) -> pd.DataFrame:
    """Keep the incoming rows whose delivery stands after that of the row that they would replace."""
    there = incoming[key].map(held.set_index(key)["delivery_id"].map(place)).astype("str")
    return incoming[there.isna() | ~(there > incoming["delivery_id"].map(place).astype("str"))]


def _with_month(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    orders, items = tables["orders"], tables["order_items"]
    month = pd.Series(np.datetime_as_string(orders["order_date"].to_numpy(), unit="M"), orders.index, "str")
    of_items = beside(items["order_id"], orders["order_id"], month)
    return {
        **tables,
        "orders": orders.assign(order_month=month),
        "order_items": items.assign(order_month=pd.Series(of_items, items.index, "str")),
    }


def _arrow(name: str, frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame[SCHEMAS[name].names], SCHEMAS[name], preserve_index=False)


def _read(
    settings: Settings,
    name: str,
    columns: Sequence[str] | None = None,
    filter_: pc.Expression | None = None,
) -> pa.Table:
    columns = list(columns or SCHEMAS[name].names)
    found = dataset(name, settings).to_table(columns=columns, filter=filter_)
    return found.cast(pa.schema([SCHEMAS[name].field(column) for column in columns]))


def beside(keys: "pd.Series[str]", index: "pd.Series[str]", values: "pd.Series[Any]") -> np.ndarray:
    """Return for each key the value that stands beside it in `index`, where each key stands once."""
    places = pc.index_in(pa.array(keys, _TEXT), value_set=pa.array(index, _TEXT))
    return np.asarray(values.to_numpy()[np.asarray(places)])


def _among(keys: "pd.Series[str]", chosen: "pd.Series[str]") -> np.ndarray:
    """Mark the keys that are among the chosen ones. (pandas' isin takes 2 s a million texts.)"""
    return np.asarray(pc.is_in(pa.array(keys, _TEXT), _distinct(chosen)))


def _distinct(keys: "pd.Series[str]") -> pa.Array:
    """Return the keys as one plain array: of an empty chunked one, `isin` would forget the type."""
    return pa.array(keys, _TEXT, from_pandas=True).unique()


def _exists(settings: Settings, table: str) -> bool:
    return bool(DeltaTable.is_deltatable(_uri(settings, table)))


def _is_current(settings: Settings, table: str) -> bool:
    if not _exists(settings, table):
        return False
    names: list[str] = [field.name for field in DeltaTable(_uri(settings, table)).schema().fields]
    return names == list(SCHEMAS[table].names)


def _uri(settings: Settings, table: str) -> str:
    return str(settings.warehouse / table)
