"""The four KPIs in Dask, straight from the warehouse's Parquet files, a partition a file."""

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

import dask.dataframe as dd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from akasa import warehouse
from akasa.kpis.definitions import TOP_N, UNMATCHED, WINDOW_DAYS, average_paise, canonical, window_start
from akasa.settings import Settings

ORDERS = pa.schema(
    {"mobile_number": pa.string(), "order_date": pa.date32(), "total_amount_paise": pa.int64()}
)


class Tables(NamedTuple):
    """orders: a Dask frame of ORDERS' columns; customers: pandas, as `warehouse.customers` gives them."""

    orders: Any
    customers: pd.DataFrame


def load(settings: Settings) -> Tables:
    """Return the warehouse's orders, lazily, and its customers."""
    return Tables(read_orders(warehouse.files("orders", settings)), warehouse.customers(settings))


def read_orders(files: Sequence[str]) -> Any:
    """Return a Dask frame of mobile_number, order_date, total_amount_paise; a partition a Parquet file."""
    empty = _frame(ORDERS.empty_table())
    if not files:
        return dd.from_pandas(empty, npartitions=1)  # type: ignore[no-untyped-call]
    return dd.from_map(_read_orders, list(files), meta=empty)  # type: ignore[no-untyped-call]


def repeat_customers(tables: Tables, as_of: date | None) -> pd.DataFrame:
    """Return known customers with more than one order up to `as_of`; none where `as_of` is None."""
    sales = _sales(_until(tables.orders, as_of))
    repeated = sales[sales["order_count"] > 1].compute()
    return canonical(
        "repeat_customers", _holders(tables.customers).join(repeated, on="mobile_number", how="inner")
    )


def monthly_trends(tables: Tables, as_of: date | None) -> pd.DataFrame:
    """Return orders and revenue (paise) of every month up to `as_of`."""
    counted = _until(tables.orders, as_of)
    months = counted.assign(
        month_number=counted["order_date"].dt.year * 12 + counted["order_date"].dt.month - 1
    )
    found = months.groupby("month_number").agg(
        order_count=("total_amount_paise", "count"), total_revenue=("total_amount_paise", "sum")
    )
    found = found.compute().reset_index()
    year, month = found["month_number"] // 12, found["month_number"] % 12 + 1
    return canonical("monthly_trends", found.assign(year=year, month=month))


def regional_revenue(tables: Tables, as_of: date | None) -> pd.DataFrame:
    """Return customers, orders, revenue and average order (paise) of every region up to `as_of`."""
    regions = _holders(tables.customers).set_index("mobile_number")["region"]
    sales = _sales(_until(tables.orders, as_of))
    parts = sales.map_partitions(_by_region, regions, meta=_by_region(sales._meta, regions)).compute()
    found = parts.groupby("region").sum().reset_index()
    average = average_paise(found["total_revenue"], found["order_count"])
    return canonical("regional_revenue", found.assign(avg_order_value=average))


def top_spenders(
    tables: Tables, as_of: date | None, window_days: int = WINDOW_DAYS, top_n: int = TOP_N
) -> pd.DataFrame:
    """Return the `top_n` customers by spending (paise) in the `window_days` days that end with `as_of`."""
    counted = _until(tables.orders, as_of)
    if as_of:
        counted = counted[counted["order_date"] > pd.Timestamp(window_start(as_of, window_days))]
    sales = _sales(counted).compute()
    known = _holders(tables.customers).join(sales, on="mobile_number", how="inner")
    known = known.rename(columns={"total_paise": "total_spent"})
    average = average_paise(known["total_spent"], known["order_count"])
    return canonical("top_spenders", known.assign(avg_order_value=average)).head(top_n)


def _holders(customers: pd.DataFrame) -> pd.DataFrame:
    """Return the customers whose row comes from the latest delivery that claims their mobile number."""
    latest = customers.groupby("mobile_number")["position"].transform("max")
    return customers[customers["position"] == latest]


def _until(orders: Any, as_of: date | None) -> Any:
    return orders[orders["order_date"] <= pd.Timestamp(as_of or date.min)]


def _sales(orders: Any) -> Any:
    """Return order_count, total_paise and last_order_date of each mobile number."""
    return orders.groupby("mobile_number").agg(
        order_count=("total_amount_paise", "count"),
        total_paise=("total_amount_paise", "sum"),
        last_order_date=("order_date", "max"),
        split_out=orders.npartitions,
    )


def _by_region(sales: pd.DataFrame, regions: "pd.Series[str]") -> pd.DataFrame:
    """Return customer_count, order_count, total_revenue of each region, of a partition of mobile numbers."""
    region = regions.reindex(sales.index).fillna(UNMATCHED).rename("region")
    return (
        sales.groupby(region.to_numpy())
        .agg(
            customer_count=("order_count", "size"),
            order_count=("order_count", "sum"),
            total_revenue=("total_paise", "sum"),
        )
        .rename_axis("region")
    )


def _read_orders(file: str) -> pd.DataFrame:
    return _frame(pq.read_table(file, columns=ORDERS.names, partitioning=None).cast(ORDERS))


def _frame(table: pa.Table) -> pd.DataFrame:
    return table.to_pandas(date_as_object=False).astype({"mobile_number": "str"})
