"""The four KPIs in pandas, on the warehouse's orders and customers."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import cache, partial
from typing import Any, NamedTuple

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
from akasa.workspace.tables import MOST_PAISE

# A published mobile number is ten digits that start 6-9: as a whole number it is the same key, half as wide.
_COLUMNS = {
    "mobile": pc.field("mobile_number").cast(pa.int64()),
    "order_date": pc.field("order_date"),
    "paise": pc.field("total_amount_paise"),
}
_PARTS = 16  # the sums of one part of a million numbers fit a processor's cache


class Sales(NamedTuple):
    """order_count, total_paise by mobile number, and by day: a row for each file with orders of the day."""

    by_mobile: pd.DataFrame
    by_day: pd.DataFrame


class Tables:
    """What the KPIs are computed from, and what they share.

    orders: a dataset with mobile_number, order_date, total_amount_paise. holders: one customer a mobile
    number, which is the index, as a whole number. sales: as_of → Sales up to that day, computed once.
    """

    def __init__(self, orders: Dataset, customers: pd.DataFrame) -> None:
        """Take orders and customers, these as `warehouse.customers` gives them."""
        mobile = pd.Series(pa.array(customers["mobile_number"]).cast(pa.int64()).to_numpy(), name="mobile")
        self.orders = orders
        self.holders = customers[list(CUSTOMER)].set_index(mobile)[_holds(mobile, customers["position"])]
        self.sales: Callable[[date | None], Sales] = cache(partial(_sales, orders))


def source(settings: Settings) -> Tables:
    """Return the warehouse's orders, still to be read, and its customers."""
    return Tables(warehouse.dataset("orders", settings), warehouse.customers(settings))


def repeat_customers(tables: Tables, as_of: date | None) -> pd.DataFrame:
    """Return known customers with more than one order up to `as_of`; none where `as_of` is None."""
    order_count = tables.sales(as_of).by_mobile["order_count"].reindex(tables.holders.index, fill_value=0)
    return canonical("repeat_customers", tables.holders.assign(order_count=order_count)[order_count > 1])


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
    sales = tables.sales(as_of).by_mobile
    region = tables.holders["region"].astype("category").reindex(sales.index)
    found = sales.groupby(region, dropna=False, observed=True).agg(
        customer_count=("order_count", "size"),
        order_count=("order_count", "sum"),
        total_revenue=("total_paise", "sum"),
    )
    average = average_paise(found["total_revenue"], found["order_count"])
    return canonical("regional_revenue", found.assign(avg_order_value=average).reset_index())


def top_spenders(
    tables: Tables, as_of: date | None, window_days: int = WINDOW_DAYS, top_n: int = TOP_N
) -> pd.DataFrame:
    """Return the `top_n` customers by spending (paise) in the `window_days` days that end with `as_of`."""
    start = window_start(as_of, window_days) if as_of else None
    (orders,) = _summable([_until(tables.orders, as_of, after=start)])
    recent = _totals(orders, "mobile", ("order_date", "max"))
    known = recent[recent.index.isin(tables.holders.index)]
    least = known["total_paise"].sort_values(ascending=False).head(top_n).min()
    most = tables.holders.join(known[known["total_paise"] >= least], how="inner")
    found = most.rename(columns={"total_paise": "total_spent", "order_date_max": "last_order_date"})
    average = average_paise(found["total_spent"], found["order_count"])
    return canonical("top_spenders", found.assign(avg_order_value=average)).head(top_n)


def holders(customers: pd.DataFrame) -> pd.DataFrame:
    """Return one customer a mobile number: the one whose row comes from the latest delivery (`position`)."""
    return customers[_holds(customers["mobile_number"], customers["position"])]


def _holds(mobile: "pd.Series[Any]", position: "pd.Series[str]") -> NDArray[np.bool_]:
    """Say of each customer whether the number is theirs: no one from a later delivery claims it."""
    claims = pd.DataFrame({"mobile": mobile.to_numpy(), "position": position.array})
    contested = claims[claims["mobile"].duplicated(keep=False)].sort_values("position")
    holds = np.ones(len(claims), bool)
    holds[contested.index[contested["mobile"].duplicated(keep="last")]] = False
    return holds


def _sales(orders: Dataset, as_of: date | None) -> Sales:
    """Return the sums of the orders up to `as_of`. Each file is read once.

    It is split into parts by number, so that the sums of one part stay in the processor's cache.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        read = pool.map(
            lambda file: _days_and_parts(_until(file, as_of)), orders.get_fragments(_counted(as_of, None))
        )
        days, pieces = zip(_days_and_parts(_until(orders, None)), *read, strict=True)
        parts = _summable([pa.concat_tables(part) for part in zip(*pieces, strict=True)])
        by_mobile = pd.concat(pool.map(lambda part: _totals(part, "mobile"), parts))
    return Sales(by_mobile, pd.concat(days).astype({"total_paise": object}))


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
