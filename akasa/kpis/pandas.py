"""The four KPIs in pandas, on the warehouse's orders and customers."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow.dataset import Dataset, Fragment

from akasa.kpis.definitions import (
    CUSTOMER,
    TOP_N,
    WINDOW_DAYS,
    average_paise,
    canonical,
    window_start,
)
from akasa.stores import warehouse
from akasa.workspace.settings import Settings
from akasa.workspace.tables import FIRST_DAY, MOST_PAISE

# A published mobile number is ten digits that start 6-9: as a whole number it is the same key, half as wide.
_COLUMNS = {
    "mobile": pc.field("mobile_number").cast(pa.int64()),
    "order_date": pc.field("order_date"),
    "paise": pc.field("total_amount_paise"),
}
_FIRST = np.datetime64(FIRST_DAY, "D").astype("int64")
_PARTS = 16  # the sums of one part of a million numbers fit a processor's cache


class Sales(NamedTuple):
    """Sums of orders, order_count and total_paise.

    by_owner: by the owner's place in customers; unowned: by number, of numbers that nobody holds; by_day: a
    row for each file with orders of the day.
    """

    by_owner: pd.DataFrame
    unowned: pd.DataFrame
    by_day: pd.DataFrame


class Holdings:
    """Who holds which number when. Customers are known by their place in the customers' table.

    owners: by key. A number's key is the number itself, as a whole number; of one that changed hands, each
    holding has a key of its own, below zero.
    """

    def __init__(self, holdings: pd.DataFrame, customers: pd.DataFrame) -> None:
        """Take holdings and customers as the warehouse gives them, in whatever order."""
        mobile = pa.array(holdings["mobile_number"]).cast(pa.int64()).to_numpy()
        owner = pc.index_in(pa.array(holdings["customer_id"]), pa.array(customers["customer_id"])).to_numpy()
        begins, ends = holdings["from_day"], holdings["until_day"].notna()
        changed = np.flatnonzero((ends | (begins > pd.Timestamp(FIRST_DAY))).to_numpy())
        moment = _moment(mobile[changed], begins.to_numpy()[changed])
        in_turn = np.argsort(moment)
        self._changed, self._begins = pa.array(np.unique(mobile[changed])), moment[in_turn]
        keys = mobile.copy()
        keys[changed[in_turn]] = -1 - np.arange(len(changed))
        self.owners = pd.Series(owner, keys)

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


class Tables:
    """What the KPIs are computed from, and what they share.

    orders: a dataset with mobile_number, order_date, total_amount_paise. sales: as_of → Sales up to that day,
    computed once.
    """

    def __init__(self, orders: Dataset, customers: pd.DataFrame, holdings: pd.DataFrame) -> None:
        """Take orders, customers and holdings, these as the warehouse gives them."""
        self.orders, self.customers = orders, customers[list(CUSTOMER)]
        self.holdings = Holdings(holdings, customers)
        self.sales: Callable[[date | None], Sales] = cache(partial(_sales, orders, self.holdings))


def source(settings: Settings) -> Tables:
    """Return the warehouse's orders, still to be read, its customers and holdings."""
    orders = warehouse.dataset("orders", settings)
    return Tables(orders, warehouse.customers(settings), warehouse.holdings(settings))


def repeat_customers(tables: Tables, as_of: date | None) -> pd.DataFrame:
    """Return known customers with more than one order up to `as_of`; none where `as_of` is None."""
    order_count = tables.sales(as_of).by_owner["order_count"]
    return canonical("repeat_customers", tables.customers.join(order_count[order_count > 1], how="inner"))


def monthly_trends(tables: Tables, as_of: date | None) -> pd.DataFrame:
    """Return orders and revenue (paise) of every month up to `as_of`."""
    days = tables.sales(as_of).by_day.reset_index()
    day = days["order_date"].dt
    months = days.groupby([day.year.rename("year"), day.month.rename("month")])
    found = months.agg(order_count=("order_count", "sum"), total_revenue=("total_paise", "sum"))
    return canonical("monthly_trends", found.reset_index())


def regional_revenue(tables: Tables, as_of: date | None) -> pd.DataFrame:
    """Return customers, orders, revenue and average order (paise) of every region up to `as_of`.

    Orders whose mobile number no customer holds stand in the region null, a number a customer.
    """
    sales = tables.sales(as_of)
    region = tables.customers["region"].astype("category").reindex(sales.by_owner.index)
    parts = sales.by_owner.assign(region=region), sales.unowned.assign(region=None)
    found = (
        pd.concat(parts)
        .groupby("region", dropna=False, observed=True)
        .agg(
            customer_count=("order_count", "size"),
            order_count=("order_count", "sum"),
            total_revenue=("total_paise", "sum"),
        )
    )
    average = average_paise(found["total_revenue"], found["order_count"])
    return canonical("regional_revenue", found.assign(avg_order_value=average).reset_index())


def top_spenders(
    tables: Tables, as_of: date | None, window_days: int = WINDOW_DAYS, top_n: int = TOP_N
) -> pd.DataFrame:
    """Return the `top_n` customers by spending (paise) in the `window_days` days that end with `as_of`."""
    start = window_start(as_of, window_days) if as_of else None
    (orders,) = _summable([tables.holdings.keyed(_until(tables.orders, as_of, after=start))])
    recent, _ = _by_owner(_totals(orders, "mobile", ("order_date", "max")), tables.holdings.owners)
    least = recent["total_paise"].sort_values(ascending=False).head(top_n).min()
    most = tables.customers.join(recent[recent["total_paise"] >= least], how="inner")
    found = most.rename(columns={"total_paise": "total_spent", "order_date_max": "last_order_date"})
    average = average_paise(found["total_spent"], found["order_count"])
    return canonical("top_spenders", found.assign(avg_order_value=average)).head(top_n)


def _moment(mobile: NDArray[np.int64], day: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Return whole numbers that stand in the order of number, then day."""
    moments: NDArray[np.int64] = mobile * 2**22 + (day.astype("datetime64[D]").astype("int64") - _FIRST)
    return moments


def _sales(orders: Dataset, holdings: Holdings, as_of: date | None) -> Sales:
    """Return the sums of the orders up to `as_of`. Each file is read once.

    It is split into parts by number, so that the sums of one part stay in the processor's cache.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        read = pool.map(
            lambda file: _days_and_parts(holdings.keyed(_until(file, as_of))),
            orders.get_fragments(_counted(as_of, None)),
        )
        days, pieces = zip(_days_and_parts(_until(orders, None)), *read, strict=True)
        parts = _summable([pa.concat_tables(part) for part in zip(*pieces, strict=True)])
        by_key = pd.concat(pool.map(lambda part: _totals(part, "mobile"), parts))
    return Sales(*_by_owner(by_key, holdings.owners), pd.concat(days).astype({"total_paise": object}))


def _by_owner(by_key: pd.DataFrame, owners: "pd.Series[int]") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return sums by owner, and those of the numbers that nobody holds."""
    place = owners.index.get_indexer(by_key.index)
    owned = by_key[place >= 0].set_axis(owners.to_numpy()[place[place >= 0]])
    how = {column: "max" if column.endswith("max") else "sum" for column in owned}
    return owned.groupby(level=0).agg(how), by_key[place < 0]


def _days_and_parts(orders: pa.Table) -> tuple[pd.DataFrame, list[pa.Table]]:
    """Return order_count and total_paise by day, and mobile and paise in parts by number."""
    (summable,) = _summable([orders])
    part = (orders["mobile"].to_numpy() % _PARTS).astype("uint8")
    by_part = orders.select(["mobile", "paise"]).take(pa.array(np.argsort(part, kind="stable")))
    ends = np.cumsum(np.bincount(part, minlength=_PARTS)).tolist()
    parts = [by_part.slice(start, end - start) for start, end in zip([0, *ends], ends, strict=False)]
    return _totals(summable, "order_date"), parts


def _until(orders: Dataset | Fragment, as_of: date | None, after: date | None = None) -> pa.Table:
    """Return the orders up to `as_of`, and after `after`; none where `as_of` is None."""
    return orders.to_table(columns=_COLUMNS, filter=_counted(as_of, after))


def _counted(as_of: date | None, after: date | None) -> pc.Expression:
    counted = pc.field("order_date") <= pa.scalar(as_of, pa.date32()) if as_of else pc.scalar(False)
    return counted & (pc.field("order_date") > pa.scalar(after, pa.date32())) if after else counted


def _summable(tables: list[pa.Table]) -> list[pa.Table]:
    """Return the tables with amounts as decimals where 64 bits might not hold the sum of all."""
    most = max(pc.max(table["paise"]).as_py() or 0 for table in tables)
    if most * sum(map(len, tables)) <= MOST_PAISE:
        return tables
    at = tables[0].column_names.index("paise")
    return [table.set_column(at, "paise", table["paise"].cast(pa.decimal128(38))) for table in tables]


def _totals(orders: pa.Table, key: str, *more: tuple[str, str]) -> pd.DataFrame:
    """Return order_count and total_paise by the key; sums of decimals as whole numbers of Python."""
    sums = [("paise", "count"), ("paise", "sum"), *more]
    found = orders.group_by(key, use_threads=False).aggregate(sums).to_pandas(date_as_object=False)
    totals = found.set_index(key).rename(columns={"paise_count": "order_count", "paise_sum": "total_paise"})
    if pa.types.is_decimal(orders["paise"].type):
        return totals.assign(total_paise=totals["total_paise"].map(int).astype(object))
    return totals
