"""The four KPIs: pandas and Dask beside DuckDB, Polars and naive pandas, on the same Parquet files."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from deltalake import write_deltalake

from akasa import warehouse
from akasa.settings import Settings

MONTHS = pd.period_range("2024-01", periods=24, freq="M")
AS_OF = date(2025, 12, 31)
REGIONS = np.array(["North", "South", "East", "West", "Central"])
FIRST_MOBILE = 6_000_000_007


def prepare(folder: Path, orders: int) -> None:
    """Write a warehouse of so many orders over 24 months, a tenth as many customers, in bounded memory.

    One order in a hundred has a number that nobody holds; one customer in a hundred lost theirs to another.
    """
    settings = _settings(folder)
    rng = np.random.default_rng(1)
    warehouse.publish(settings, _tables(_customers(orders // 10, rng)), _ledger(), replace_all=True)
    edges = np.linspace(0, orders, len(MONTHS) + 1).astype(int)
    for month, first, last in zip(MONTHS, edges, edges[1:], strict=False):
        write_deltalake(
            str(settings.warehouse / "orders"),
            _orders(month, first, last, orders // 10, rng),
            mode="append",
            partition_by=["order_month"],
        )


def _settings(folder: Path) -> Settings:
    return Settings(data_dir=folder, output_dir=folder / "outputs")


def _mobiles(person: np.ndarray) -> pa.Array:
    """Return a number for each person, of all of the ten-digit ones, in no order."""
    return pa.array(FIRST_MOBILE + person * 2_654_435_761 % 3_999_999_979).cast(pa.string())


def _customers(number: int, rng: np.random.Generator) -> pd.DataFrame:
    person = np.arange(number)
    later = person % 100 == 1
    return pd.DataFrame(
        {
            "customer_id": [f"CUST-{n:08d}" for n in rng.permutation(number)],
            "customer_name": [f"Name {n}" for n in person % 5_000],
            "mobile_number": _mobiles(person - later).to_pandas(),
            "region": REGIONS[rng.integers(0, len(REGIONS), number)],
            "delivery_id": np.where(later, 2, 1),
        }
    )


def _orders(month: pd.Period, first: int, last: int, customers: int, rng: np.random.Generator) -> pa.Table:
    number = last - first
    day = month.start_time.to_datetime64().astype("datetime64[D]") + rng.integers(
        0, month.days_in_month, number
    )
    person = rng.integers(0, customers, number)
    strange = rng.random(number) < 0.01
    columns = {
        "order_id": [f"ORD-{n:010d}" for n in range(first, last)],
        "mobile_number": _mobiles(np.where(strange, person + customers, person)),
        "order_date_time": pa.array(
            day.astype("datetime64[us]") + rng.integers(0, 86_400, number) * 1_000_000
        ),
        "order_date": pa.array(day),
        "total_amount_paise": rng.integers(0, 10_000_000, number),
        "delivery_id": np.ones(number, "int64"),
        "order_month": pa.array([str(month)] * number, pa.string()),
    }
    return pa.table(columns).cast(warehouse.SCHEMAS["orders"])


def _tables(customers: pd.DataFrame) -> dict[str, pd.DataFrame]:
    empty = {name: warehouse.SCHEMAS[name].empty_table() for name in ("orders", "order_items")}
    return {
        "customers": customers,
        **{name: table.to_pandas(date_as_object=False) for name, table in empty.items()},
    }


def _ledger() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "delivery_id": [1, 2],
            "sha256": ["a", "b"],
            "position": ["0\t1", "0\t2"],
            "name": ["customers.csv", "customers_2025-01-01.csv"],
            "published_at": "2026-01-01",
        }
    )
