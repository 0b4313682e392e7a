"""Of each customer and each order, the version of the latest delivery."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from akasa.validate import rules
from akasa.validate.verdicts import Judged
from akasa.workspace.tables import frame_types


def latest(judged: Sequence[Judged], amount_is: str) -> dict[str, pd.DataFrame]:
    """Return customers, orders and order_items: of each customer and order the latest delivery's version.

    An order's items are those of the same delivery as the order: versions win as a whole.
    """
    in_order = sorted(judged, key=lambda one: one.delivery.position)
    customers = [_of(one, one.records.accepted) for one in in_order if one.delivery.kind == "customers"]
    lines = [one for one in in_order if one.delivery.kind == "orders"]
    orders = [_of(one, rules.orders_of(one.records.accepted, amount_is)) for one in lines]
    items = [_of(one, rules.items_of(one.records.accepted, amount_is)) for one in lines]
    kept, all_items = _last("orders", orders, "order_id"), _stack("order_items", items)
    if len(items) > 1:
        winner = beside(all_items["order_id"], kept["order_id"], kept["delivery_id"])
        all_items = all_items[winner == all_items["delivery_id"]].reset_index(drop=True)
    return {
        "customers": _last("customers", customers, "customer_id"),
        "orders": kept,
        "order_items": all_items,
    }


def typed(table: str, rows: pa.Table) -> pd.DataFrame:
    """Return a table's rows from a store as the frame that `latest` gives."""
    frame = rows.to_pandas(date_as_object=False, types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return frame.astype({column: kind for column, kind in frame_types(table).items() if column in frame})


def with_month(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return tables with the month of each order, and of its items, beside them: `order_month`."""
    orders, items = tables["orders"], tables["order_items"]
    month = pd.Series(np.datetime_as_string(orders["order_date"].to_numpy(), unit="M"), orders.index, "str")
    of_items = beside(items["order_id"], orders["order_id"], month)
    return {
        **tables,
        "orders": orders.assign(order_month=month),
        "order_items": items.assign(order_month=pd.Series(of_items, items.index, "str")),
    }


def beside(keys: "pd.Series[str]", index: "pd.Series[str]", values: "pd.Series[Any]") -> np.ndarray:
    """Return for each key the value that stands beside it in `index`, where each key stands once."""
    places = pc.index_in(pa.array(keys, pa.string()), value_set=pa.array(index, pa.string()))
    return np.asarray(values.to_numpy()[np.asarray(places)])


def among(keys: "pd.Series[str]", chosen: "pd.Series[str]") -> np.ndarray:
    """Mark the keys that are among the chosen ones. (pandas' isin takes 2 s a million texts.)"""
    return np.asarray(pc.is_in(pa.array(keys, pa.string()), distinct(chosen)))


def distinct(keys: "pd.Series[str]") -> pa.Array:
    """Return the keys as one plain array: of an empty chunked one, `isin` would forget the type."""
    return pa.array(keys, pa.string(), from_pandas=True).unique()


def _of(one: Judged, frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(delivery_id=one.delivery.delivery_id)


def _last(table: str, frames: Sequence[pd.DataFrame], key: str) -> pd.DataFrame:
    rows = _stack(table, frames)
    return rows.drop_duplicates(key, keep="last", ignore_index=True) if len(frames) > 1 else rows


def _stack(table: str, frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    types = frame_types(table)
    nothing = pd.DataFrame(columns=list(types))
    # A delivery without any accepted row has columns of no type, and concat takes theirs.
    return pd.concat(frames or [nothing], ignore_index=True).astype(types)
