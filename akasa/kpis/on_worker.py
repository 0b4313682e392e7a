"""What a Dask worker does for the KPIs: it reads orders, splits them by key, and adds up.

It is sent to workers as code, so that they need pandas and pyarrow, and no akasa.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
from pyarrow.fs import FileSystem, LocalFileSystem

DAY = "datetime64[s]"
ROWS_AT_ONCE = 65_536  # that are put in order: what a processor's cache holds


def split(
    files: Sequence[str],
    file_system: FileSystem | None,
    changed: pd.DataFrame,
    as_of: date,
    after: date | None,
    parts: int,
) -> list[pa.Table]:
    """Return the orders after `after` up to `as_of` in parts by key, then their sums by day."""
    orders = _keyed(_read(files, file_system, as_of, after), changed)
    kept = orders if after else orders.drop_columns("order_date")
    some = [_in_parts(kept.slice(at, ROWS_AT_ONCE), parts) for at in range(0, len(kept) or 1, ROWS_AT_ONCE)]
    pieces = [pa.concat_tables(of_one) for of_one in zip(*some, strict=True)]
    return [*pieces, add_up([orders.drop_columns("mobile")], "order_date")]


def _in_parts(orders: pa.Table, parts: int) -> list[pa.Table]:
    """Return orders in so many parts by key."""
    part = (orders["mobile"].to_numpy() % parts).astype("uint16")
    by_part = orders.take(np.argsort(part, kind="stable"))
    ends = np.cumsum(np.bincount(part, minlength=parts)).tolist()
    return [by_part.slice(start, end - start) for start, end in zip([0, *ends], ends, strict=False)]


def _keyed(orders: pa.Table, changed: pd.DataFrame) -> pa.Table:
    """Return orders with the day's holding in place of a number that changed hands."""
    among = np.flatnonzero(pc.is_in(orders["mobile"], value_set=pa.array(changed["mobile"])))
    if not len(among):
        return orders
    own = orders.take(pa.array(among)).to_pandas(date_as_object=False).astype({"order_date": DAY})
    by_day = pd.merge_asof(
        own.assign(row=among).sort_values("order_date"),
        changed,
        left_on="order_date",
        right_on="from_day",
        by="mobile",
    )
    keys = orders["mobile"].to_numpy().copy()
    keys[by_day["row"]] = by_day["key"].astype("int64")  # which raises where a day has no holding
    return orders.set_column(orders.column_names.index("mobile"), "mobile", pa.array(keys))


def _read(files: Sequence[str], file_system: FileSystem | None, as_of: date, after: date | None) -> pa.Table:
    counted = pc.field("order_date") <= pa.scalar(as_of, pa.date32())
    if after:
        counted &= pc.field("order_date") > pa.scalar(after, pa.date32())
    columns = {
        "mobile": pc.field("mobile_number").cast(pa.int64()),
        "order_date": pc.field("order_date"),
        "paise": pc.field("total_amount_paise"),
    }
    place = file_system or LocalFileSystem()  # named, for else a path may be taken for a URI
    return pads.dataset(files, filesystem=place).to_table(columns=columns, filter=counted, use_threads=False)


def add_up(pieces: list[pa.Table], key: str) -> pa.Table:
    """Return order_count, the last order_date where there is one, and the sums of money in halves, by key."""
    orders = pa.concat_tables(pieces)
    fits = (pc.max(orders["paise"]).as_py() or 0) * len(orders) < 2**63
    orders = orders if fits else _in_halves(orders)
    sums = {"order_count": (key, "count")}
    if key != "order_date" and "order_date" in orders.column_names:
        sums["last_order_date"] = ("order_date", "max")
    sums |= {name: (name, "sum") for name in ("paise", "high", "low") if name in orders.column_names}
    found = orders.group_by(key, use_threads=False).aggregate([*sums.values()])
    found = found.rename_columns([key, *sums])
    return _in_halves(found) if fits else found


def _in_halves(table: pa.Table) -> pa.Table:
    """Return the table with high and low, the upper and the lower 32 bits, in place of paise."""
    high, low = pc.shift_right(table["paise"], 32), pc.bit_wise_and(table["paise"], 0xFFFFFFFF)
    return table.drop_columns("paise").append_column("high", high).append_column("low", low)
