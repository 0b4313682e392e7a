"""Add up orders by who owns them and by day, in memory that follows the customers and not the orders.

Orders are read some row groups at a time, and split into parts by number, so that the sums of one part stay
in a processor's cache.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import cached_property, partial
from itertools import chain
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow.dataset import Dataset, Fragment, ParquetFileFragment

from akasa.stores import warehouse
from akasa.workspace.tables import FIRST_DAY, MOST_PAISE

# A published mobile number is ten digits that start 6-9: as a whole number it is the same key, half as wide.
NUMBER = pc.field("mobile_number").cast(pa.int64())
_COLUMNS = {
    "mobile": NUMBER,
    "order_date": pc.field("order_date"),
    "paise": pc.field("total_amount_paise"),
}
_NO_ORDERS = pa.schema({"mobile": pa.int64(), "order_date": pa.date32(), "paise": pa.int64()}).empty_table()
_FIRST = np.datetime64(FIRST_DAY, "D").astype("int64")
NUMBERS_A_PART = 65_536  # numbers of which the sums fit a processor's cache
ORDERS_AT_ONCE = (
    8_388_608  # orders in memory, at 16 bytes, until they are added up; more where there are more sums
)


class Sales(NamedTuple):
    """Sums of orders, order_count and total_paise; in a window of days last_order_date, too.

    by_owner: by the owner's place in customers; unowned: by number, of numbers that nobody holds; by_day: a
    row for each piece of a file with orders of the day.
    """

    by_owner: pd.DataFrame
    unowned: pd.DataFrame
    by_day: pd.DataFrame


class Holdings:
    """Who holds which number when. Customers are known by their place in the customers' table.

    A number's key is the number itself, as a whole number; of one that changed hands, each holding has a key
    of its own, below zero.
    """

    def __init__(self, holdings: Dataset, customers: Dataset) -> None:
        """Take holdings and customers, in whatever order."""
        self._holdings, self.customers = holdings, customers
        days = {day: pc.field(day) for day in ("from_day", "until_day")}
        rows = holdings.to_table({"mobile": NUMBER, **days})
        mobile, begins = rows["mobile"].to_numpy(), rows["from_day"]
        later = pc.greater(begins, pa.scalar(FIRST_DAY, pa.date32()))
        changed = np.flatnonzero(pc.or_(pc.is_valid(rows["until_day"]), later).to_numpy())
        moment = _moment(mobile[changed], begins.to_numpy()[changed])
        in_turn = np.argsort(moment)
        self._changed, self._begins = pa.array(np.unique(mobile[changed])), moment[in_turn]
        self._keys = mobile.copy()
        self._keys[changed[in_turn]] = -1 - np.arange(len(changed))
        self.parts = 1 + len(self._keys) // NUMBERS_A_PART

    @cached_property
    def owners(self) -> list[pa.Table]:
        """The owner's place by key (`mobile`), in parts by key."""
        ids, of = (
            table.to_table(["customer_id"])["customer_id"].combine_chunks()
            for table in (self._holdings, self.customers)
        )
        return _in_parts(pa.table({"mobile": self._keys, "owner": pc.index_in(ids, of)}), self.parts)

    def keyed(self, orders: pa.Table) -> pa.Table:
        """Return orders with keys for numbers: where one changed hands, the key of the day's holding."""
        numbers = orders["mobile"]
        changed = pc.is_in(numbers, self._changed).to_numpy()
        if not changed.any():
            return orders
        mobile, day = numbers.to_numpy()[changed], orders["order_date"].to_numpy()[changed]
        keys = numbers.to_numpy().copy()
        keys[changed] = -np.searchsorted(self._begins, _moment(mobile, day), side="right")
        return orders.set_column(orders.column_names.index("mobile"), "mobile", pa.array(keys))


def _moment(mobile: NDArray[np.int64], day: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Return whole numbers that stand in the order of number, then day."""
    moments: NDArray[np.int64] = mobile * 2**22 + (day.astype("datetime64[D]").astype("int64") - _FIRST)
    return moments


def add_up(orders: Dataset, holdings: Holdings, as_of: date | None, after: date | None = None) -> Sales:
    """Return the sums of the orders up to `as_of`, and after `after`. Each file is read once.

    With `after`, last_order_date is among them.
    """
    by_day = [_totals([_NO_ORDERS], "order_date")]
    by_key = [_totals([_NO_ORDERS], "mobile")] * holdings.parts
    read = partial(_days_and_parts, holdings, as_of, after)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        owners = pool.submit(lambda: holdings.owners)  # while the first files are read
        files = orders.get_fragments(_counted(as_of, after))
        unread = chain.from_iterable(pool.map(_row_groups, files))
        while some := _next(unread, max(ORDERS_AT_ONCE, 2 * sum(map(len, by_key)))):
            days, pieces = zip(*pool.map(read, some), strict=True)
            by_day += days
            by_key = list(pool.map(_added, by_key, zip(*pieces, strict=True)))
            del pieces  # or they would be held while the next ones are read
            give_back()
        places = list(pool.map(_places, by_key, owners.result()))
    return Sales(
        *_by_owner(by_key, places, holdings.customers.count_rows()),
        _frame(by_day).astype({"total_paise": object}),
    )


def give_back() -> None:
    """Have Arrow give memory back that it keeps for its next tables: pandas and numpy have their own."""
    pa.default_memory_pool().release_unused()


def _next(pieces: Iterator[Fragment], orders: int) -> list[Fragment]:
    """Return pieces until they have so many orders."""
    some, held = [], 0
    while held < orders and (piece := next(pieces, None)):
        some.append(piece)
        held += piece.count_rows()
    return some


def _row_groups(file: Fragment) -> list[Fragment]:
    return file.split_by_row_group() if isinstance(file, ParquetFileFragment) else [file]


def _days_and_parts(
    holdings: Holdings, as_of: date | None, after: date | None, file: Fragment
) -> tuple[pa.Table, list[pa.Table]]:
    """Return the sums of a file's orders by day, and the orders in parts by key."""
    counted = file.to_table(columns=_COLUMNS, filter=_counted(as_of, after), use_threads=False)
    orders = holdings.keyed(counted)
    kept = orders if after else orders.drop_columns("order_date")
    return _totals([orders], "order_date"), _in_parts(kept, holdings.parts)


def _counted(as_of: date | None, after: date | None) -> pc.Expression:
    """Choose the orders up to `as_of`, and after `after`; none where `as_of` is None."""
    counted = warehouse.up_to(as_of)
    return counted & (pc.field("order_date") > pa.scalar(after, pa.date32())) if after else counted


def _in_parts(rows: pa.Table, parts: int) -> list[pa.Table]:
    """Return the rows in so many parts by key."""
    part = (rows["mobile"].to_numpy() % parts).astype("uint16")
    by_part = rows.take(pa.array(np.argsort(part, kind="stable")))
    ends = np.cumsum(np.bincount(part, minlength=parts)).tolist()
    return [by_part.slice(start, end - start) for start, end in zip([0, *ends], ends, strict=False)]


def _added(sums: pa.Table, orders: Sequence[pa.Table]) -> pa.Table:
    """Return the sums of one part with those of more orders."""
    more = _totals(orders, "mobile")
    return _totals([sums, more], "mobile") if len(sums) else more


def _totals(tables: Sequence[pa.Table], key: str) -> pa.Table:
    """Return order_count, paise and, where there is one beside the key, the last order_date by key.

    The tables have orders, or such sums.
    """
    rows = _together(tables)
    sums = [("order_count", "sum") if "order_count" in rows.column_names else ("paise", "count")]
    sums += [("paise", "sum"), *[("order_date", "max")] * ("order_date" in {*rows.column_names} - {key})]
    found = rows.group_by(key, use_threads=False).aggregate(sums)
    return found.rename_columns([key, "order_count", *(name for name, _ in sums[1:])])


def _together(tables: Sequence[pa.Table]) -> pa.Table:
    """Return the rows of all tables, with amounts as decimals where 64 bits might not hold the sum of all."""
    amounts = [table["paise"] for table in tables]
    most = max(pc.max(paise).as_py() or 0 for paise in amounts)
    whole = all(pa.types.is_integer(paise.type) for paise in amounts)
    if not whole or most * sum(map(len, tables)) > MOST_PAISE:
        at = tables[0].column_names.index("paise")
        wide = [paise.cast(pa.decimal128(38)) for paise in amounts]
        tables = [table.set_column(at, "paise", paise) for table, paise in zip(tables, wide, strict=True)]
    return pa.concat_tables(tables)


def _frame(sums: Sequence[pa.Table]) -> pd.DataFrame:
    """Return the sums of all tables by their key, as order_count, total_paise, last_order_date.

    Sums that are decimals are whole numbers of Python then.
    """
    rows = _together(sums)
    found = rows.to_pandas(date_as_object=False).set_index(rows.column_names[0])
    if pa.types.is_decimal(rows["paise"].type):
        found["paise"] = found["paise"].map(int).astype(object)
    return found.rename(columns={"paise": "total_paise", "order_date": "last_order_date"})


def _places(sums: pa.Table, owners: pa.Table) -> NDArray[np.int64]:
    """Return the place of who owns each of the sums of one part; -1 where nobody holds the number."""
    at = pd.Index(owners["mobile"].to_numpy()).get_indexer(sums["mobile"].to_numpy())
    places: NDArray[np.int64] = np.append(owners["owner"].to_numpy(), -1)[at]
    return places


def _by_owner(
    by_key: Sequence[pa.Table], places: Sequence[NDArray[np.int64]], everybody: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return sums by owner, by their place among everybody, and those of the numbers that nobody holds."""
    sums, place = _frame(by_key), np.concatenate(places)
    owned, bought = place >= 0, np.zeros(everybody, bool)
    bought[place[owned]] = True
    found = {}
    for column, values in sums.items():  # one after the other: each is as long as there are customers
        add, none = (np.maximum, np.datetime64(FIRST_DAY)) if column == "last_order_date" else (np.add, 0)
        of_all = np.full(everybody, none, values.dtype)
        add.at(of_all, place[owned], values.to_numpy()[owned])
        found[column] = of_all[bought]
    return pd.DataFrame(found, np.flatnonzero(bought).astype("int32"), copy=False), sums[~owned]
