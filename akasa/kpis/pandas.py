"""The four KPIs in pandas, on the warehouse's orders and customers."""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.dataset import Dataset

from akasa.kpis.definitions import (
    CUSTOMER,
    TOP_N,
    WINDOW_DAYS,
    average_paise,
    canonical,
    row_order,
    window_start,
)
from akasa.kpis.sales import Holdings, Sales, add_up, give_back
from akasa.kpis.shared import once
from akasa.stores import warehouse
from akasa.workspace.settings import Settings


class Tables:
    """What the KPIs are computed from, and what they share.

    orders: mobile_number, order_date, total_amount_paise. customers: read column by column when asked for,
    for an answer of all of them takes most of a memory. sales: as_of → Sales up to that day, computed once.
    """

    def __init__(self, orders: Dataset, customers: Dataset, holdings: Dataset) -> None:
        """Take the tables with the warehouse's columns; those of orders that are needed will do."""
        self.orders, self.customers = orders, customers
        self.holdings = Holdings(holdings, customers)
        self.sales: Callable[[date | None], Sales] = once(partial(add_up, orders, self.holdings))


def source(settings: Settings) -> Tables:
    """Return the warehouse's orders, customers and holdings, still to be read."""
    return Tables(*(warehouse.dataset(table, settings) for table in ("orders", "customers", "holdings")))


def repeat_customers(tables: Tables, as_of: date | None) -> pd.DataFrame:
    """Return known customers with more than one order up to `as_of`; none where `as_of` is None."""
    sums = tables.sales(as_of).by_owner[["order_count"]].query("order_count > 1")
    sums = _in_order("repeat_customers", sums, tables)
    others = {column: _column(column, tables.customers, sums.index) for column in [*CUSTOMER][1:]}
    return canonical("repeat_customers", sums.assign(**others))


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
    regions = tables.customers.to_table(["region"]).to_pandas(categories=["region"])["region"]
    known = _by_region(sales.by_owner.assign(region=regions.take(sales.by_owner.index)))
    unknown = _by_region(sales.unowned.assign(region="")).assign(region=None)
    found = pd.concat([known.astype({"region": object}), unknown])
    average = average_paise(found["total_revenue"], found["order_count"])
    return canonical("regional_revenue", found.assign(avg_order_value=average))


def top_spenders(
    tables: Tables, as_of: date | None, window_days: int = WINDOW_DAYS, top_n: int = TOP_N
) -> pd.DataFrame:
    """Return the `top_n` customers by spending (paise) in the `window_days` days that end with `as_of`."""
    after = window_start(as_of, window_days) if as_of else date.min
    recent = add_up(tables.orders, tables.holdings, as_of, after).by_owner
    recent = recent.rename(columns={"total_paise": "total_spent"})
    least = recent["total_spent"].sort_values(ascending=False).head(top_n).min()
    most = _in_order("top_spenders", recent[recent["total_spent"] >= least], tables).head(top_n)
    few = pc.field("customer_id").isin(pa.array(most["customer_id"]))
    known = tables.customers.to_table([*CUSTOMER], filter=few).to_pandas()
    average = average_paise(most["total_spent"], most["order_count"])
    return canonical("top_spenders", most.assign(avg_order_value=average).merge(known, on="customer_id"))


def _in_order(kpi: str, sums: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    """Return the sums of customers, whose places are the index, with customer_id, in the KPI's order."""
    sums = sums.assign(customer_id=_column("customer_id", tables.customers, sums.index))
    order = row_order(kpi, sums)
    return sums if order is None else sums.take(order)


def _column(name: str, customers: Dataset, places: pd.Index) -> Any:
    give_back()
    # The whole column, and then some rows: Arrow's own `take` of a dataset takes eight times as long.
    taken = customers.to_table([name])[name].take(pa.array(places))
    found = pd.array(taken.combine_chunks(), dtype="str")
    del taken
    give_back()
    return found


def _by_region(sums: pd.DataFrame) -> pd.DataFrame:
    return (
        sums.groupby("region", observed=True)
        .agg(
            customer_count=("order_count", "size"),
            order_count=("order_count", "sum"),
            total_revenue=("total_paise", "sum"),
        )
        .reset_index()
    )
