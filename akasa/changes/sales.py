"""Orders of some numbers, summed in one pass over the warehouse, so that none has to be kept in memory."""

from collections.abc import Iterable, Sequence
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from akasa.stores import warehouse
from akasa.workspace.settings import Settings

_COLUMNS = {
    "number": pc.field("mobile_number").cast(pa.int64()),
    "day": pc.field("order_date"),
    "paise": pc.field("total_amount_paise"),
}
_TOGETHER = 64  # batches that are summed before they are put together


def of_numbers(
    settings: Settings, numbers: pa.Array, edges: Sequence[date], by_day: pa.Array
) -> pd.DataFrame:
    """Return orders and paise of some numbers: number (whole), day, orders, paise.

    Days between two `edges` (an edge ends its part) are one row, which has the last of them; of the numbers
    in `by_day`, every day is a row of its own.
    """
    ends = np.array(sorted(set(edges)), dtype="datetime64[D]")
    wanted = pc.field("mobile_number").isin(numbers.cast(pa.string()))

    def parts(batch: pa.Table) -> pa.Table:
        day = batch["day"].to_numpy().astype("datetime64[D]")
        part = np.searchsorted(ends, day)
        part = np.where(pc.is_in(batch["number"], by_day), day.astype("int64") + 2**40, part)
        return batch.append_column("part", pa.array(part))

    found = _summed(settings, wanted, ["number", "part"], parts)
    return found.drop(columns="part")


def of_days(settings: Settings, after: date, until: date) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the orders after a day until another one: by month, and by number.

    Both have orders and paise, and a day of theirs.
    """
    wanted = (pc.field("order_date") > pa.scalar(after, pa.date32())) & (
        pc.field("order_date") <= pa.scalar(until, pa.date32())
    )

    def months(batch: pa.Table) -> pa.Table:
        month = batch["day"].to_numpy().astype("datetime64[M]").astype("int64")
        return batch.append_column("month", pa.array(month))

    return _summed(settings, wanted, ["month"], months), _summed(settings, wanted, ["number"], lambda b: b)


def _summed(settings: Settings, wanted: pc.Expression, keys: list[str], with_keys: object) -> pd.DataFrame:
    dataset = warehouse.dataset("orders", settings)
    sums: list[pa.Table] = []
    for batch in dataset.to_batches(columns=_COLUMNS, filter=wanted):
        if batch.num_rows:
            rows = with_keys(pa.Table.from_batches([batch]))  # type: ignore[operator]
            sums.append(_added(rows.append_column("orders", pa.array(np.ones(len(rows), "int64"))), keys))
        if len(sums) >= _TOGETHER:
            sums = [_added(pa.concat_tables(sums), keys)]
    if not sums:
        return _nothing(keys)
    found = _added(pa.concat_tables(sums), keys).to_pandas(date_as_object=False)
    return found.astype({"day": "datetime64[s]"}).sort_values(keys, ignore_index=True)


def _added(rows: pa.Table, keys: list[str]) -> pa.Table:
    how = [("orders", "sum"), ("paise", "sum"), ("day", "max")]
    found = rows.group_by(keys, use_threads=False).aggregate(how)
    return found.select([*keys, "orders_sum", "paise_sum", "day_max"]).rename_columns(
        [*keys, "orders", "paise", "day"]
    )


def _nothing(keys: Iterable[str]) -> pd.DataFrame:
    kinds = {**dict.fromkeys((*keys, "orders", "paise"), "int64"), "day": "datetime64[s]"}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})
