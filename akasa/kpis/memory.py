"""The four KPIs in pandas, on the warehouse's orders and customers. Pure functions of the frames."""

from datetime import date
from typing import NamedTuple

import pandas as pd

from akasa import warehouse
from akasa.kpis.definitions import TOP_N, UNMATCHED, WINDOW_DAYS, average_paise, canonical, window_start
from akasa.settings import Settings


class Tables(NamedTuple):
    """orders: mobile_number, order_date, total_amount_paise; customers: as `warehouse.customers` gives."""

    orders: pd.DataFrame
    customers: pd.DataFrame


def load(settings: Settings) -> Tables:
    """Return the warehouse's orders (the columns that KPIs need) and customers."""
    columns = ["mobile_number", "order_date", "total_amount_paise"]
    return Tables(warehouse.orders(settings, columns), warehouse.customers(settings))


def repeat_customers(tables: Tables, as_of: date | None) -> pd.DataFrame:
    """Return known customers with more than one order up to `as_of`; none where `as_of` is None."""
    sales = _by_mobile(_until(tables.orders, as_of))
    known = holders(tables.customers).merge(sales, on="mobile_number")
    return canonical("repeat_customers", known[known["order_count"] > 1])


def monthly_trends(tables: Tables, as_of: date | None) -> pd.DataFrame:
    """Return orders and revenue (paise) of every month up to `as_of`."""
    counted = _until(tables.orders, as_of)
    day = counted["order_date"].dt
    months = counted.groupby([day.year.rename("year"), day.month.rename("month")])["total_amount_paise"]
    return canonical("monthly_trends", months.agg(order_count="size", total_revenue="sum").reset_index())


def regional_revenue(tables: Tables, as_of: date | None) -> pd.DataFrame:
    """Return customers, orders, revenue and average order (paise) of every region up to `as_of`.

    Orders whose mobile number no customer holds stand in the region `Unmatched`, a number a customer.
    """
    sales = _by_mobile(_until(tables.orders, as_of))
    placed = sales.merge(holders(tables.customers), on="mobile_number", how="left")
    placed["region"] = placed["region"].fillna(UNMATCHED)
    regions = placed.groupby("region", as_index=False).agg(
        customer_count=("mobile_number", "size"),
        order_count=("order_count", "sum"),
        total_revenue=("total_paise", "sum"),
    )
    average = average_paise(regions["total_revenue"], regions["order_count"])
    return canonical("regional_revenue", regions.assign(avg_order_value=average))


def top_spenders(
    tables: Tables, as_of: date | None, window_days: int = WINDOW_DAYS, top_n: int = TOP_N
) -> pd.DataFrame:
    """Return the `top_n` customers by spending (paise) in the `window_days` days that end with `as_of`."""
    counted = _until(tables.orders, as_of)
    if as_of:
        counted = counted[counted["order_date"] > pd.Timestamp(window_start(as_of, window_days))]
    known = holders(tables.customers).merge(_by_mobile(counted), on="mobile_number")
    average = average_paise(known["total_paise"], known["order_count"])
    spenders = known.rename(columns={"total_paise": "total_spent"}).assign(avg_order_value=average)
    return canonical("top_spenders", spenders).head(top_n)


def holders(customers: pd.DataFrame) -> pd.DataFrame:
    """Return one customer a mobile number: the one whose row comes from the latest delivery (`position`)."""
    return customers.sort_values("position").drop_duplicates("mobile_number", keep="last")


def _until(orders: pd.DataFrame, as_of: date | None) -> pd.DataFrame:
    return orders[orders["order_date"] <= pd.Timestamp(as_of)] if as_of else orders.iloc[:0]


def _by_mobile(orders: pd.DataFrame) -> pd.DataFrame:
    """Return one row a mobile number: order_count, total_paise, last_order_date."""
    return orders.groupby("mobile_number", as_index=False, sort=False).agg(
        order_count=("total_amount_paise", "size"),
        total_paise=("total_amount_paise", "sum"),
        last_order_date=("order_date", "max"),
    )
