"""Merge published rows into the warehouse's Delta tables, month by month.

It follows the database's ledger: it is told which deliveries the warehouse should hold, and notes them last.
"""

from collections.abc import Mapping, Set
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import write_deltalake

from akasa.stores import warehouse
from akasa.workspace.failpoints import reached
from akasa.workspace.settings import Settings

_TEXT = pa.string()


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
            name: _versions(settings, name, frame[warehouse.KEYS[name][0]], known)
            for name, frame in incoming.items()
        }
        for name, key in (("customers", "customer_id"), ("orders", "order_id")):
            incoming[name] = _not_superseded(incoming[name], held[name], key, place)
        items = incoming["order_items"]
        incoming["order_items"] = items[_among(items["order_id"], incoming["orders"]["order_id"])]
    for name, frame in incoming.items():
        if replace_all or not warehouse.exists(settings, name):
            _overwrite(settings, name, _arrow(name, frame))
        elif len(frame):
            key = warehouse.KEYS[name][0]
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
    key = warehouse.KEYS[name][0]
    keys = pd.concat([held[key], frame[key]])
    touched, predicate = None, None
    if "order_month" in warehouse.SCHEMAS[name].names:
        months = sorted({*frame["order_month"], *held["order_month"]})
        touched = pc.field("order_month").isin(months)
        predicate = "order_month in (" + ", ".join(f"'{month}'" for month in months) + ")"
    there = warehouse.select(settings, name, filter_=touched)
    stays = there.filter(pc.invert(pc.is_in(there[key], _distinct(keys))))
    _overwrite(settings, name, pa.concat_tables([stays, _arrow(name, frame)]), predicate)


def _overwrite(settings: Settings, name: str, rows: pa.Table, predicate: str | None = None) -> None:
    partition = ["order_month"] if "order_month" in warehouse.SCHEMAS[name].names else None
    keys = [(key, "ascending") for key in warehouse.KEYS.get(name, ["position"])]
    reached(f"before the Delta commit of {name}")
    write_deltalake(
        warehouse.uri(settings, name),
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
    key = warehouse.KEYS[name][0]
    wanted = pc.field(key).isin(_distinct(keys))
    columns = [c for c in (key, "delivery_id", "order_month") if c in warehouse.SCHEMAS[name].names]
    if months is not None and "order_month" in columns:
        wanted &= pc.field("order_month").isin(pa.array(sorted(months), _TEXT))
    return warehouse.select(settings, name, columns, wanted).to_pandas()


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
    return pa.Table.from_pandas(
        frame[warehouse.SCHEMAS[name].names], warehouse.SCHEMAS[name], preserve_index=False
    )


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
