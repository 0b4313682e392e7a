"""Which orders are not what they were, and what they were: read from what deliveries were judged to be."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from akasa.changes.kept import State, Stood
from akasa.validate import rules, verdicts
from akasa.workspace.settings import Settings
from akasa.workspace.tables import ORDER_LINE, frame_types

VALUES = ["mobile_number", "order_date", "total_amount_paise"]  # what KPIs are made of
_ORDER = ["order_id", "mobile_number", "order_date_time", "order_date", "total_amount_paise", "delivery_id"]
_ITEM = ["order_id", "sku_id", "sku_count", "amount_paise"]
Find = Callable[[Stood], Path | None]


@dataclass(frozen=True)
class Turned:
    """The orders that are not what they were, a row an order, and the deliveries of which nothing is kept.

    `orders`: order_id; mobile_number, order_date, total_amount_paise and delivery_id before (`_0`, null where
    there was none) and after (`_1`, null where there is none); `what`: new, corrected or withdrawn.
    """

    orders: pd.DataFrame
    lost: tuple[str, ...] = ()


def turned(settings: Settings, before: State, after: State) -> Turned:
    """Return the orders that the deliveries which changed have made other ones, whatever stood beside them.

    Only those are looked for in deliveries that stand as they stood: footers tell where they cannot be.
    """

    def find(one: Stood) -> Path | None:
        return verdicts.accepted(settings, one.kind, one.sha256, one.noted)

    sides = [[one for one in state.deliveries if one.kind == "orders"] for state in (before, after)]
    stood = [{(*one.key, one.position, one.noted) for one in side} for side in sides]
    changed = [
        one
        for side, others in zip(sides, reversed(stood), strict=True)
        for one in side
        if (*one.key, one.position, one.noted) not in others
    ]
    ids = _ids(filter(None, map(find, changed)))
    then, now = (_latest(side, find, ids, settings.amount_is) for side in sides)
    lost = dict.fromkeys(one.name for side in sides for one in side if find(one) is None)
    return Turned(_beside(then, now), tuple(lost) if len(changed) else ())


def _ids(found: Iterator[Path]) -> pa.Array:
    """Return the ids of all orders in some files, each once."""
    columns = [
        pq.read_table(file, columns=["order_id"])["order_id"].cast(pa.large_string()) for file in found
    ]
    chunks = [chunk for column in columns for chunk in column.chunks]
    return pc.unique(pa.chunked_array(chunks, pa.large_string()))


def _latest(
    deliveries: Sequence[Stood], find: Find, ids: pa.Array, amount_is: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return some orders and their items as the latest of the deliveries has them, as a whole.

    The latest is asked first, and the ones before it only for what it did not bring.
    """
    lines = []
    for one in sorted(deliveries, key=lambda one: one.position, reverse=True):
        file = find(one) if len(ids) else None
        found = _lines(file, ids) if file else None
        if found is not None and len(found):
            lines.append(found.assign(delivery_id=one.delivery_id))
            known = pa.array(found["order_id"].unique(), pa.large_string())
            ids = ids.filter(pc.invert(pc.is_in(ids, value_set=known)))
    return _orders(lines, amount_is), _items(lines, amount_is)


def _lines(file: Path, ids: pa.Array) -> pd.DataFrame | None:
    """Return a file's lines of some orders; of its parts, only those that have one are read."""
    parquet = pq.ParquetFile(file)
    found = []
    for part in range(parquet.num_row_groups):
        if _may_hold(parquet.metadata.row_group(part), ids):
            order = parquet.read_row_group(part, columns=["order_id"])["order_id"].cast(pa.large_string())
            is_one = pc.is_in(order, value_set=ids)
            if pc.any(is_one).as_py():
                found.append(parquet.read_row_group(part, columns=list(ORDER_LINE)).filter(is_one))
    return pa.concat_tables(found).to_pandas() if found else None


def _may_hold(group: Any, ids: pa.Array) -> bool:
    """Say whether a group of rows may have one of the orders, by the least and the greatest of its ids."""
    place = next(n for n in range(group.num_columns) if group.column(n).path_in_schema == "order_id")
    known = group.column(place).statistics
    if known is None or not known.has_min_max:
        return True
    within = pc.and_(pc.greater_equal(ids, known.min), pc.less_equal(ids, known.max))
    return bool(pc.any(within).as_py())


def _orders(lines: Sequence[pd.DataFrame], amount_is: str) -> pd.DataFrame:
    found = [rules.orders_of(one, amount_is).assign(delivery_id=one["delivery_id"].iloc[0]) for one in lines]
    return _stacked(found, _ORDER, "orders")


def _items(lines: Sequence[pd.DataFrame], amount_is: str) -> pd.DataFrame:
    return _stacked([rules.items_of(one, amount_is) for one in lines], _ITEM, "order_items")


def _stacked(frames: Sequence[pd.DataFrame], columns: list[str], table: str) -> pd.DataFrame:
    types = {column: kind for column, kind in frame_types(table).items() if column in columns}
    return pd.concat(frames or [pd.DataFrame(columns=columns)], ignore_index=True)[columns].astype(types)


def _beside(then: tuple[pd.DataFrame, pd.DataFrame], now: tuple[pd.DataFrame, pd.DataFrame]) -> pd.DataFrame:
    """Return the orders that differ, in whatever value, before beside after."""
    (orders_0, items_0), (orders_1, items_1) = then, now
    # As numbers that may be null: a merge makes floats of others, which have no place for an id.
    sides = [
        orders.astype({"total_amount_paise": "Int64", "delivery_id": "Int64"})
        for orders in (orders_0, orders_1)
    ]
    both = sides[0].merge(sides[1], on="order_id", how="outer", suffixes=("_0", "_1"))
    there = both["delivery_id_0"].notna(), both["delivery_id_1"].notna()
    common = set(both["order_id"][there[0] & there[1]])
    items = pd.concat([one[one["order_id"].isin(common)] for one in (items_0, items_1)])
    other_items = set(items.drop_duplicates(keep=False)["order_id"])
    differs = both["order_id"].isin(other_items)
    for column in (*VALUES, "order_date_time"):
        differs |= ~(both[f"{column}_0"].eq(both[f"{column}_1"]).fillna(False).astype(bool))
    what = pd.Series("corrected", both.index).mask(~there[0], "new").mask(~there[1], "withdrawn")
    kept = [f"{column}_{side}" for side in (0, 1) for column in (*VALUES, "delivery_id")]
    rows = both.assign(what=what)[differs][["order_id", *kept, "what"]]
    return rows.sort_values("order_id", ignore_index=True)
